"""Rows of our own, of the shape of the cookbook's."""

import json


def chats(count: int = 12, *, answer: str = '["flour", "butter"]') -> bytes:
    """Return chats: a system prompt, a recipe, its ingredients."""
    lines = [
        {
            "messages": [
                {"role": "system", "content": "Name the ingredients of the recipe."},
                {"role": "user", "content": f"Title: Cake {number}\n\nIngredients: {number} g of flour, butter"},
                {"role": "assistant", "content": answer},
            ]
        }
        for number in range(count)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def preferences(count: int = 12) -> bytes:
    """Return preferences as OpenAI's guide writes them."""
    lines = [
        {
            "input": {"messages": [{"role": "user", "content": f"Is number {number} late?"}], "tools": []},
            "preferred_output": [{"role": "assistant", "content": "Yes, by a day."}],
            "non_preferred_output": [{"role": "assistant", "content": "Who knows."}],
        }
        for number in range(count)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
