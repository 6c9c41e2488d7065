"""The words of keys and of names by which personal data is recognised."""

__all__ = [
    "ENDINGS",
    "ONLY_OF_PERSONS",
    "ONLY_OF_THINGS",
    "PARTICLES",
    "PERSONS",
    "THINGS",
    "WRAPPERS",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PERSONS = _words("""
    accomplice agent approver assigned assignedby attendee auditor author caller client colleague
    contact createdby creator customer director driver editor employee from guest host invitee
    lead manager member modifiedby observer operator organizer owner participant patient people
    person profile recipient responsible sender staff student teacher to updatedby user userdata
    visitor worker
""")
"""Keys before an object, or before a name, that is a person's."""

THINGS = _words("""
    app application bank brand browser button calendar campaign category channel chat city color
    column company counter country currency deal department device dialog disk document event
    field file folder form group icon item job line meeting menu module option order page
    permission pipeline plan position product productrow project property queue region resource
    role room section service session setting site source sprint stage stageinfo status storage
    store tab tag task template type unit workflow
""")
"""Keys before an object that has a name and is no person."""

ONLY_OF_PERSONS = _words("""
    birthday birthdate extranet firstname gender isonline lastactivitydate lastlogin lastname
    patronymic personalgender personalphoto secondname surname workposition
""")
"""Keys that only the object of a person has."""

ONLY_OF_THINGS = _words("""
    extension measure price quantity size sku
""")
"""Keys that no object of a person has."""

WRAPPERS = _words("""
    after before data fields new object old params result value values
""")
"""Keys that do not name the subject of the object after them."""

PARTICLES = _words("""
    al bin da das de del della den der di do dos du el ibn la las le los ten ter van von y zu ван
    де дер ибн кызы оглы фон эль
""")
"""Words of many surnames, and of many texts: they are no name alone."""

ENDINGS = _words("""
    а я у ю е и ы о ь ом ем ой ей ою ею ым им их ых ую юю ая яя ий ый ого его ому ему ами ями
""")
"""Endings that a Russian name takes in a sentence."""
