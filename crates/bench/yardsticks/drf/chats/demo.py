"""A stand-in for a model, as long-winded as maru's."""


def ordinal(number):
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def reply(content, turn):
    words = len(content.split())
    return (
        f"I understood:\n\n> {content}\n\n"
        f"That is {words} words in your {ordinal(turn)} message here.\n\n"
        "I am the built-in demo model of this yardstick: I run offline and answer from a few fixed rules. "
        "To connect a real model, stop the server and start it with `OPENAI_API_KEY=… maru serve --model openai/gpt-4o-mini`. "
        "Any server with OpenAI's protocol will do: set `MARU__LLM__PROVIDERS__LOCAL__BASE_URL=http://localhost:11434/v1` "
        "and `--model local/<model>`."
    )
