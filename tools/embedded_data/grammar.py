"""English sentences from parts: verb forms, noun phrases, and the sentence forms of a clause."""

from __future__ import annotations

from dataclasses import dataclass

_FORMS = {  # past, participle
    "be": ("was", "been"), "become": ("became", "become"), "beat": ("beat", "beaten"), "bite": ("bit", "bitten"),
    "blow": ("blew", "blown"), "break": ("broke", "broken"), "bring": ("brought", "brought"),
    "burn": ("burned", "burned"), "buy": ("bought", "bought"), "catch": ("caught", "caught"),
    "come": ("came", "come"), "cut": ("cut", "cut"), "dig": ("dug", "dug"), "do": ("did", "done"),
    "eat": ("ate", "eaten"), "fall": ("fell", "fallen"), "find": ("found", "found"), "flee": ("fled", "fled"),
    "forget": ("forgot", "forgotten"), "get": ("got", "got"), "give": ("gave", "given"), "go": ("went", "gone"),
    "have": ("had", "had"), "hide": ("hid", "hidden"), "hit": ("hit", "hit"), "hold": ("held", "held"),
    "hurt": ("hurt", "hurt"), "keep": ("kept", "kept"), "leave": ("left", "left"), "lend": ("lent", "lent"),
    "lose": ("lost", "lost"), "make": ("made", "made"), "mislay": ("mislaid", "mislaid"),
    "overtake": ("overtook", "overtaken"), "pay": ("paid", "paid"), "put": ("put", "put"),
    "read": ("read", "read"), "ring": ("rang", "rung"), "run": ("ran", "run"), "say": ("said", "said"),
    "sell": ("sold", "sold"), "send": ("sent", "sent"), "set": ("set", "set"), "shed": ("shed", "shed"),
    "show": ("showed", "shown"), "shut": ("shut", "shut"), "sink": ("sank", "sunk"), "speak": ("spoke", "spoken"),
    "speed": ("sped", "sped"),
    "steal": ("stole", "stolen"), "take": ("took", "taken"), "throw": ("threw", "thrown"),
    "win": ("won", "won"), "withdraw": ("withdrew", "withdrawn"), "write": ("wrote", "written"),
}  # fmt: skip
_DOUBLED = {"chop", "cut", "dig", "forget", "get", "grab", "hit", "net", "put", "run", "scrap", "set", "shed", "shut"}
_DOUBLED |= {"ban", "cancel", "drop", "hug", "let", "permit", "stop", "travel", "win"}
_SOUNDS_CONSONANT = ("uni", "eu", "one ", "use")

CONTRACTED = {
    "did": "didn't", "will": "won't", "is": "isn't", "are": "aren't", "was": "wasn't", "were": "weren't",
    "has": "hasn't", "have": "haven't",
}  # fmt: skip


def _stem(verb: str) -> str:
    if verb in _DOUBLED:
        return verb + verb[-1]
    return verb[:-1] if verb.endswith("e") else verb


def past(verb: str, participle: bool = False) -> str:
    """The simple past, or the past participle, of a base form."""
    if verb in _FORMS:
        return _FORMS[verb][participle]
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return _stem(verb) + "ed"


def ing(verb: str) -> str:
    """The -ing form of a base form."""
    return (verb if verb.endswith("ee") else _stem(verb)) + "ing"


def article(word: str) -> str:
    """``a`` or ``an``, by the sound of the word that follows."""
    if word.lower().startswith(_SOUNDS_CONSONANT):
        return "a"
    return "an" if word[0].lower() in "aeiou" or word.startswith("X-ray") else "a"


@dataclass(frozen=True)
class Noun:
    """A noun. text: without an article. kind: count, plural or mass."""

    text: str
    kind: str

    @property
    def plural(self) -> bool:
        return self.kind == "plural"

    def phrase(self, definite: bool, adjective: str = "", count: str = "") -> str:
        """The noun phrase: an article, a number word (plurals only), an adjective and the noun."""
        words = " ".join(w for w in (count, adjective, self.text) if w)
        if definite:
            return f"the {words}"
        if self.kind == "count":
            return f"{article(words)} {words}"
        return words if count else f"some {words}"


def auxiliary(tense: str, plural: bool) -> str:
    """The finite auxiliary of an active question or negation."""
    return {"past": "did", "now": "are" if plural else "is", "future": "will", "perfect": "have" if plural else "has"}[
        tense
    ]


@dataclass(frozen=True)
class Clause:
    """Subject, verb and the rest, ready for any sentence form.

    subject: noun phrase. plural: its number. verb: base form. rest: what follows the verb, without adverbials.
    passive: the clause is passive. tense: past, now, future or perfect.
    """

    subject: str
    plural: bool
    verb: str
    rest: str
    passive: bool
    tense: str
    negative: bool

    def _parts(self, split: bool) -> tuple[str, str]:
        """The finite auxiliary (empty for a simple past unless ``split``) and the remaining verb words."""
        t = self.tense
        if self.passive:
            done = past(self.verb, participle=True)
            if t == "past":
                return ("were" if self.plural else "was"), done
            return auxiliary(t, self.plural), {"now": "being", "future": "be", "perfect": "been"}[t] + " " + done
        if t == "past" and not split:
            return "", past(self.verb)
        form = {"now": ing(self.verb), "perfect": past(self.verb, participle=True)}.get(t, self.verb)
        return auxiliary(t, self.plural), form

    def predicate(self, contracted: bool) -> str:
        """Verb group and rest, for a statement or a relative clause."""
        aux, main = self._parts(split=self.negative)
        if self.negative:
            aux = CONTRACTED[aux] if contracted else f"{aux} not"
        return " ".join(w for w in (aux, main, self.rest) if w)

    def statement(self, contracted: bool) -> str:
        return f"{self.subject} {self.predicate(contracted)}"

    def question(self) -> str:
        """A yes-no question without the question mark."""
        aux, main = self._parts(split=True)
        words = (CONTRACTED[aux] if self.negative else aux, self.subject, main, self.rest)
        return " ".join(w for w in words if w)


def finish(text: str, mark: str) -> str:
    """The text with a capital first letter, an end mark and single spaces."""
    text = " ".join(text.split())
    return text[0].upper() + text[1:] + mark
