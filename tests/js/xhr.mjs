// As much of a browser's XMLHttpRequest as a long-polling client needs, on top of fetch.
export class XMLHttpRequest extends EventTarget {
  readyState = 0
  status = 0
  response = null
  responseType = ''
  #answer = null
  #cancel = null

  open(verb, url) {
    this.#answer = null
    Object.assign(this, { verb, url, status: 0, response: null })
    this.#become(1)
  }

  send(body = null) {
    const cancel = (this.#cancel = new AbortController())
    fetch(this.url, { method: this.verb, body, signal: cancel.signal })
      .then(async (answer) => {
        const bytes = await answer.arrayBuffer()
        if (cancel.signal.aborted) return
        this.#answer = answer
        this.status = answer.status
        const binary = this.responseType === 'arraybuffer'
        this.response = binary ? bytes : new TextDecoder().decode(bytes)
        this.#become(4)
      })
      .catch(() => cancel.signal.aborted || this.#become(4))
  }

  abort() {
    this.#cancel?.abort()
    if (this.readyState !== 0 && this.readyState !== 4) this.#become(4)
    this.readyState = 0
  }

  getResponseHeader(name) {
    return this.#answer?.headers.get(name) ?? null
  }

  #become(state) {
    this.readyState = state
    this.dispatchEvent(new Event('readystatechange'))
  }
}
