"""Sentences: how a need is put into words, by parts that training, validation and tests share not.

An instruction is an opening, a frame around noun phrases, and a closing. Each of these, and the way
a noun phrase is built, belongs to one part. An instruction of the validation and test splits has a
frame or a noun phrase of its own part, so that none has a pattern that training has.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from toolenv.mini.benchmark.draws import Draw, capitalised
from toolenv.mini.benchmark.lexicon import Part
from toolenv.mini.benchmark.world import Need

__all__ = ["Phrase", "Sentence", "cancelling", "looking_up", "reserving", "say"]

_Forms = dict[Part, tuple[str, ...]]

_OPENINGS: Final[_Forms] = {
    "train": (
        "Hello.", "Hi there.", "Good morning.", "A quick question.", "I am planning a trip.",
        "I am writing a report.", "My sister asked me this.", "We have a meeting soon.",
        "This is for my homework.", "I need some help.", "Please be quick.", "It is urgent.",
        "I have a customer waiting.", "I am updating a list.", "One more thing.",
        "Our team is comparing offers.", "I have to fill in a form.", "Just checking.",
    ),
    "validation": ("Greetings.", "I am preparing a talk.", "My neighbour wants to know."),
    "test": (
        "Good evening.", "I am sorting out my notes.", "The editor is waiting for this.",
        "I have lost my records.", "We are settling a bet.", "A colleague needs this today.",
    ),
}  # fmt: skip

_CLOSINGS: Final[_Forms] = {
    "train": (
        "Thanks.", "Thank you!", "Please.", "Just the value.", "Nothing else.", "Keep it short.",
        "That is all.", "Thanks in advance.", "A short answer is fine.", "I only need that.",
    ),
    "validation": ("Much obliged.", "No details needed."),
    "test": ("Many thanks.", "Cheers.", "Leave out everything else.", "No explanation needed."),
}  # fmt: skip

_FRAMES: Final[_Forms] = {
    "train": (
        "What is {}?", "What's {}?", "Tell me {}.", "Give me {}.", "Find {}.", "Find out {}.",
        "Look up {}.", "I need {}.", "I want to know {}.", "I would like {}.",
        "I'd like to know {}.",
        "Could you tell me {}?", "Can you find {}?", "Can you tell me {}?", "Please check {}.",
        "Please tell me {}.", "Please find {}.", "Show me {}.", "Get {}.", "Get me {}.",
        "Do you know {}?", "Let me know {}.", "I am looking for {}.", "I'm trying to find {}.",
        "Check {} for me.", "We need {}.", "We want to know {}.", "Help me find {}.",
        "Can I get {}?", "May I have {}?", "Would you check {}?", "I have to know {}.",
        "Search for {}.", "I must find {}.", "Could you look up {}?", "I was asked for {}.",
        "How can I learn {}?", "What would be {}?", "Return {}.", "The question is: {}?",
        "Someone wants {}.", "My friend needs {}.", "Say what is {}.", "List {}.",
    ),
    "validation": (
        "Please supply {}.", "Mind telling me {}?", "Obtain {}.", "I am after {}.",
        "I could use {}.",
    ),
    "test": (
        "I was wondering about {}.", "Any idea of {}?", "Report {}.", "Fetch {} for us.",
        "My boss asks about {}.", "It would help to have {}.", "Kindly provide {}.",
        "Would you retrieve {}?", "Determine {}.", "Declare {}.", "I am curious about {}.",
        "Have you got {}?",
    ),
}  # fmt: skip

_OF_THING: Final[_Forms] = {
    "train": (
        "the {attr} of the {noun} {name}", "the {attr} of {noun} {name}",
        "the {attr} for the {noun} {name}", "the {attr} for {noun} {name}",
        "the {noun} {name}'s {attr}", "{noun} {name}'s {attr}",
        "the {attr} at the {noun} {name}", "the {attr} of {name}, a {noun}",
        "the {attr} of {name} ({noun})", "the {attr} listed for the {noun} {name}",
        "the {attr} that the {noun} {name} has", "{noun} {attr} of {name}",
    ),
    "validation": (
        "the {attr} recorded for the {noun} {name}", "the {attr} of the {noun} named {name}",
    ),
    "test": (
        "the {attr} belonging to the {noun} {name}",
        "the {attr} given for the {noun} called {name}",
        "the {attr} with respect to {noun} {name}", "the {attr} that goes with {noun} {name}",
        "{name} (the {noun}) and its {attr}",
    ),
}  # fmt: skip

_OF_RELATED: Final[_Forms] = {
    "train": (
        "the {attr} of the {rel} {other} of the {noun} {name}",
        "the {attr} of the {rel} {other} of {noun} {name}",
        "the {attr} for the {rel} {other} of the {noun} {name}",
        "the {attr} at the {rel} {other} of {noun} {name}",
        "the {rel} {other}'s {attr} for the {noun} {name}",
        "the {attr} of {noun} {name}'s {rel} {other}",
        "the {attr} that the {rel} {other} of the {noun} {name} has",
    ),
    "validation": (
        "the {attr} recorded for the {rel} {other} of the {noun} {name}",
        "the {attr} of the {noun} named {name}'s {rel} {other}",
    ),
    "test": (
        "the {attr} belonging to the {rel} {other} of the {noun} {name}",
        "the {attr} given for the {rel} {other} of the {noun} called {name}",
        "the {attr} that goes with the {rel} {other} of {noun} {name}",
    ),
}  # fmt: skip

_BOTH: Final[_Forms] = {
    "train": ("{} and {}", "{}, and {}", "both {} and {}", "first {}, then {}", "{} and also {}"),
    "validation": ("{} together with {}",),
    "test": ("{} as well as {}", "{} plus {}"),
}

_RESERVING: Final[_Forms] = {
    "train": (
        "Reserve {n} {unit} at the {noun} {name} and tell me the booking code.",
        "Book {n} {unit} at the {noun} {name}; I need the booking code.",
        "Please reserve {n} {unit} for me at {noun} {name}. What is the booking code?",
        "I want to book {n} {unit} at the {noun} {name}. Give me the code of the booking.",
        "Make a booking of {n} {unit} at the {noun} {name} and say its code.",
        "Hold {n} {unit} at {noun} {name} and return the booking code.",
        "Can you book {n} {unit} at the {noun} {name}? Tell me the code.",
        "We need {n} {unit} reserved at {noun} {name}; send me the booking code.",
        "Get me {n} {unit} at the {noun} {name} and the booking code.",
        "I'd like {n} {unit} at {noun} {name} booked. Which code does the booking have?",
    ),
    "validation": (
        "Arrange {n} {unit} at the {noun} {name} and report the booking code.",
        "Secure {n} {unit} at {noun} {name}; what is the booking code?",
    ),
    "test": (
        "Kindly set aside {n} {unit} at the {noun} {name}, and let me have the booking code.",
        "My family wants {n} {unit} at the {noun} {name}: reserve them and state the booking code.",
        "Put me down for {n} {unit} at {noun} {name}. What booking code do I get?",
    ),
}

_CANCELLING: Final[_Forms] = {
    "train": (
        "Cancel my {noun} booking {code} and tell me the refund.",
        "Please cancel the {noun} booking {code}. What is the refund?",
        "I want to cancel {noun} booking {code}; how much is the refund?",
        "Call off the {noun} booking {code} and give me the refund.",
        "Undo my {noun} reservation {code} and say what the refund is.",
        "Can you cancel {code}, a {noun} booking? I need the refund.",
        "The {noun} booking {code} must be cancelled. Which refund do I get?",
        "Get rid of {noun} booking {code} and return the refund.",
    ),
    "validation": ("Revoke the {noun} booking {code} and report the refund.",),
    "test": (
        "Kindly drop the {noun} booking {code}, and state the refund.",
        "I no longer need the {noun} booking {code}: cancel it. How big is the refund?",
        "Withdraw {noun} reservation {code}; let me have the refund.",
    ),
}


class Phrase(NamedTuple):
    """A piece of an instruction, and the pattern it was made from.

    Args:
        text: The words.
        pattern: The forms it was made from, in order.
        own: Whether one of them belongs to the part alone.
        sentence: Whether it is a sentence, or a noun phrase that needs a frame.
    """

    text: str
    pattern: tuple[str, ...]
    own: bool
    sentence: bool


class Sentence(NamedTuple):
    """An instruction and its pattern.

    Args:
        text: The instruction.
        pattern: The forms it was made from: no instruction of another part has the same.
    """

    text: str
    pattern: tuple[str, ...]


def _form(draw: Draw, forms: _Forms, part: Part, own: bool) -> str:
    """A form of the part's own, or one that training has."""
    return draw.one(forms[part if own else "train"])


def looking_up(
    draw: Draw,
    part: Part,
    own: bool,
    need: Need,
    name: str,
    qualifier: int | str,
    related: Need | None = None,
) -> Phrase:
    """A noun phrase that asks for an attribute.

    Args:
        draw: What it is drawn from.
        part: The part whose forms are used.
        own: Whether the form is one of the part's own.
        need: What is asked for.
        name: The name that the user knows.
        qualifier: The value of the need's second parameter.
        related: The need that leads from what is named to what is asked about.
    """
    assert need.attribute is not None
    said = need.attribute.drawn(draw)
    forms = _OF_THING if related is None else _OF_RELATED
    form = _form(draw, forms, part, own)
    text = form.format(
        attr=said,
        name=name,
        noun=need.noun if related is None else related.noun,
        rel=related.relation if related is not None else "",
        other=related.target if related is not None else "",
    )
    pattern: tuple[str, ...] = (form,)
    if need.qualifier is not None:
        phrase = draw.one(need.qualifier.phrases)
        text, pattern = f"{text} {phrase.format(qualifier)}", (form, phrase)
    return Phrase(text, pattern, own and part != "train", sentence=False)


def reserving(draw: Draw, part: Part, need: Need, name: str, count: int) -> Phrase:
    """A sentence that asks for a booking."""
    form = _form(draw, _RESERVING, part, own=True)
    text = form.format(n=count, unit=need.unit, noun=need.noun, name=name)
    return Phrase(text, (form,), part != "train", sentence=True)


def cancelling(draw: Draw, part: Part, need: Need, code: str) -> Phrase:
    """A sentence that asks to cancel a booking."""
    form = _form(draw, _CANCELLING, part, own=True)
    return Phrase(form.format(noun=need.noun, code=code), (form,), part != "train", sentence=True)


def say(draw: Draw, part: Part, phrases: list[Phrase]) -> Sentence:
    """An instruction from its phrases."""
    own = any(phrase.own for phrase in phrases)
    framed = [phrase for phrase in phrases if not phrase.sentence]
    pattern = tuple(form for phrase in phrases for form in phrase.pattern)
    sentences = [phrase.text for phrase in phrases if phrase.sentence]
    if framed:
        frame = _form(draw, _FRAMES, part, own=not own or draw.chance(0.5))
        said = framed[0].text
        if len(framed) == 2:
            both = _form(draw, _BOTH, part, own=draw.chance(0.5))
            said, pattern = both.format(said, framed[1].text), (*pattern, both)
        sentences.append(capitalised(frame.format(said)))
        pattern = (*pattern, frame)
    if draw.chance(0.3):
        opening = _form(draw, _OPENINGS, part, own=draw.chance(0.5))
        sentences, pattern = [opening, *sentences], (opening, *pattern)
    if draw.chance(0.25):
        closing = _form(draw, _CLOSINGS, part, own=draw.chance(0.5))
        sentences, pattern = [*sentences, closing], (*pattern, closing)
    return Sentence(" ".join(sentences), pattern)
