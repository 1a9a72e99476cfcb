"""The words of the demo domain: kinds of message with their sentences, and the vocabularies.

This is data, and no logic. A message has five lines, each in a fixed role: a greeting, three
sentences, a closing. The sentences hold fields in braces: ``{name}``, ``{colour}``, ``{thing}``,
``{day}``, ``{time}``.

Words that training may use and words that it never sees (`HELD_OUT`) are kept apart here, so that a
test can prove it.
"""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("greeting", "one", "two", "three", "closing")
FIELDS = ("name", "colour", "thing", "day", "time")

GREETINGS = ("Dear {name},", "Hello {name},", "Good morning {name},")
CLOSINGS = ("With best wishes.", "With kind regards.", "See you soon.", "Take good care.")

# Kind of message -> the phrasings of its three sentences.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "thank-you note": (
        (
            "I am grateful for the {colour} {thing}.",
            "Many thanks for the {colour} {thing} you sent.",
        ),
        ("It arrived on {day} at {time}.", "The parcel came at {time} on {day}."),
        ("It is a wonderful present.", "My family likes it very much."),
    ),
    "reminder": (
        ("Please remember to bring the {colour} {thing}.", "Do not forget the {colour} {thing}."),
        ("We meet on {day} at {time}.", "Our meeting starts at {time} on {day}."),
        ("Everybody is waiting for it.", "Without it we cannot begin."),
    ),
    "confirmation": (
        (
            "Your order of the {colour} {thing} is confirmed.",
            "We have received your order for the {colour} {thing}.",
        ),
        ("The delivery comes on {day} at {time}.", "Our driver will be there at {time} on {day}."),
        ("You do not need to pay anything now.", "Please keep this message."),
    ),
    "invitation": (
        (
            "Come over and see my new {colour} {thing}.",
            "I would like to show you the {colour} {thing}.",
        ),
        ("The party is on {day} at {time}.", "We start at {time} on {day}."),
        ("Your friends are welcome too.", "There will be music and cake."),
    ),
    "apology": (
        (
            "I am sorry that I broke the {colour} {thing}.",
            "Please forgive me for losing the {colour} {thing}.",
        ),
        ("It happened on {day} at {time}.", "I noticed it at {time} on {day}."),
        ("I should have been more careful.", "Of course I will replace it."),
    ),
    "request": (
        (
            "Please lend me the {colour} {thing} again.",
            "I would like to borrow the {colour} {thing} for a while.",
        ),
        ("I need it on {day} at {time}.", "I could fetch it at {time} on {day}."),
        ("You would help me a great deal.", "I promise to return it quickly."),
    ),
    "notice": (
        (
            "We have found the {colour} {thing} in the hall.",
            "Somebody left the {colour} {thing} in the office.",
        ),
        ("You can collect it on {day} at {time}.", "The desk opens at {time} on {day}."),
        ("Please bring your card.", "After that we give it away."),
    ),
    "cancellation": (
        (
            "We have to cancel the order of the {colour} {thing}.",
            "The {colour} {thing} is no longer available.",
        ),
        ("Nobody will come on {day} at {time}.", "The visit at {time} on {day} is cancelled."),
        ("Your money comes back this week.", "We hope that you understand."),
    ),
    "offer": (
        ("I want to sell my {colour} {thing}.", "Perhaps you want to buy my {colour} {thing}."),
        ("You can look at it on {day} at {time}.", "I am at home at {time} on {day}."),
        ("It is almost like new.", "The price is quite low."),
    ),
    "report": (
        ("The {colour} {thing} is ready.", "We have repaired the {colour} {thing}."),
        ("The work ended on {day} at {time}.", "It was finished at {time} on {day}."),
        ("Everything runs smoothly again.", "The bill is in the envelope."),
    ),
}

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Vocabulary:
    """The words that may fill the fields of a message."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    things: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TRAIN = Vocabulary(
    names=_words(
        "Anna Bert Carla David Elena Felix Greta Henry Irene Jakob Karin Lukas Maria Nils Olga "
        "Peter Rosa Simon Tina Victor Wanda Yusuf Zoe Amir Beate Chloe Dario Emma Frank Hana "
        "Ivan Julia Kofi Laura Martin Nadia Oscar Paula Quentin Rita Stefan Thea Ulrich Vera "
        "William Xenia Yara Aaron Bianca Conrad Diana Edgar"
    ),
    colours=_words("red green blue black white brown pink grey golden silver striped wooden"),
    things=_words(
        "lamp chair table book clock basket bottle carpet mirror pillow bicycle camera guitar "
        "jacket kettle ladder mug necklace painting radio scarf shelf stool teapot umbrella vase "
        "wallet plant blanket bracelet bucket candle curtain drum fan hammer hat helmet iron jar "
        "key knife map oven pan pencil piano purse ring rope"
    ),
)
HELD_OUT = Vocabulary(
    names=_words(
        "Agnes Boris Celia Dominik Esther Fatima Georg Hilda Ingrid Jonas Klara Leonard Miriam "
        "Norbert Ophelia Pascal Renate Samuel Tobias Ursula Vincent Walter Yvonne Zacharias "
        "Astrid Benjamin Clemens Dorothy Gustav Matilda"
    ),
    colours=_words("yellow purple orange violet turquoise beige"),
    things=_words(
        "sofa violin telescope sweater notebook printer toaster backpack trumpet sculpture "
        "wardrobe lantern compass suitcase keyboard whistle balloon cushion tractor sandal globe "
        "puppet hammock saddle microscope"
    ),
)

# Parts of made-up words, combined freely, so that training sees every short run of letters.
ONSETS = _words(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kn kr l m n p ph pl pr qu r rh s sc sch sh "
    "sk sl sm sn sp spr st str sw t th tr tw v w wh x y z"
)
VOWELS = _words(
    "a a a e e e i i i o o o u u ae ai au ea ee ei ey ia ie io oa oe oi oo ou ua ue ui y"
)
CODAS = _words(
    "b ck ct d ft g k l ll ld lf lk lm lt m mb mp n nd ng nk nt p pt r rd rg rk rm rn rst rt s "
    "sk ss st t tch th tz w x z"
)
