// The official JavaScript SDK, unmodified, told what to do line by line on its standard input.
//
// A line is {"id": 1, "do": "call", ...}; it is answered with {"id": 1, "result": ...} or
// {"id": 1, "error": ...}. Events and changes of state come in between, as they happen.
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import { XMLHttpRequest } from './xhr.mjs'

const given = JSON.parse(process.argv[2])
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

// A window before the SDK is imported, for it looks for one while it loads; a document after it,
// or its HTTP client would take this for a browser.
globalThis.WebSocket = WebSocket
globalThis.window = Object.assign(new EventTarget(), { WebSocket })
const { B24OAuth, B24PullClientManager, SubscriptionType } = await import('@bitrix24/b24jssdk')
globalThis.document = { location: { href: given.url } }
globalThis.XMLHttpRequest = XMLHttpRequest

const b24 = new B24OAuth(given.auth, given.secret)
b24.offClientSideWarning()
b24.setCallbackRefreshAuth(async () => say({ refreshed: true }))
let pull = null

function listen({ method }) {
  pull = new B24PullClientManager({
    b24,
    restApplication: 'sandbox',
    userId: given.auth.userId,
    skipStorageInit: true,
    configGetMethod: method ?? 'pull.application.config.get',
  })
  const tell = (type) => ({ command, params, extra }) =>
    say({ event: { type, command, params, sender: extra.sender ?? null } })
  for (const type of [SubscriptionType.Server, SubscriptionType.Client]) {
    pull.subscribe({ type, moduleId: 'application', callback: tell(type) })
  }
  pull.subscribe({
    type: SubscriptionType.Status,
    callback: ({ status }) => say({ status }),
  })
  pull.init()
  return pull.start()
}

async function list({ method, params }) {
  const rows = []
  for await (const page of b24.actions.v2.fetchList.make({ method, params, idKey: 'ID' })) {
    rows.push(...page)
  }
  return rows
}

const actions = {
  call: async ({ method, params }) =>
    (await b24.actions.v2.call.make({ method, params })).getData().result,
  batch: async ({ calls }) =>
    (
      await b24.actions.v2.batch.make({
        calls,
        options: { isHaltOnError: false, returnAjaxResult: false },
      })
    ).getData(),
  list,
  admin: async () => {
    await b24.initIsAdmin()
    return b24.auth.isAdmin
  },
  listen,
  send: ({ users, command, params }) =>
    pull.sendMessage(users, 'application', command, params, 60),
  last_seen: ({ users }) => pull.getUsersLastSeen(users),
  channels: () => pull.listChannels(),
  path: () => pull.connector.connectionPath,
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  Promise.resolve()
    .then(() => actions[asked.do](asked))
    .then((result) => say({ id: asked.id, result: result ?? null }))
    .catch((error) => say({ id: asked.id, error: error?.message ?? JSON.stringify(error) }))
}
pull?.destroy()
process.exit(0)
