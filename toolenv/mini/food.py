"""Food: recipes, nutrition from two providers, and a shopping list that a session remembers."""

from __future__ import annotations

from typing import NamedTuple

from toolenv.episodes import Status
from toolenv.mini.places import drawn
from toolenv.mini.state import MiniState
from toolenv.simulators.local import ApiError, LocalTool

__all__ = ["RECIPES", "TOOLS", "Recipe", "calories", "protein"]


class Recipe(NamedTuple):
    """A dish, what goes into it and how long it takes."""

    recipe_id: str
    name: str
    main: str
    ingredients: tuple[str, ...]
    minutes: int


RECIPES = (
    Recipe("R11", "Lemon Lentil Soup", "lentils", ("lentils", "lemon", "onion", "cumin"), 35),
    Recipe("R12", "Smoky Bean Stew", "beans", ("beans", "tomato", "paprika", "onion"), 50),
    Recipe("R13", "Mushroom Barley Bowl", "mushrooms", ("mushrooms", "barley", "thyme"), 45),
    Recipe("R14", "Ginger Salmon", "salmon", ("salmon", "ginger", "soy sauce", "rice"), 25),
    Recipe("R15", "Pumpkin Gnocchi", "pumpkin", ("pumpkin", "potato", "flour", "sage"), 60),
    Recipe("R16", "Apricot Couscous", "couscous", ("couscous", "apricot", "almonds"), 20),
)
_FOODS = (
    "almonds", "apricot", "banana", "barley", "beans", "couscous", "lentils", "mushrooms",
    "oats", "pumpkin", "rice", "salmon", "tofu", "yoghurt",
)  # fmt: skip

pantrypal = LocalTool("Food", "PantryPal", "Recipes by ingredient.")
nutridata = LocalTool("Food", "NutriData", "Nutrition facts of foods.")
mealfacts = LocalTool("Food", "MealFacts", "Calories and nutrients for meal planners.")
basketlist = LocalTool("Food", "BasketList", "Your shopping list.")

TOOLS = (pantrypal, nutridata, mealfacts, basketlist)


def calories(food: str) -> int:
    """Calories in 100 grams of a food.

    Raises:
        ApiError: The food is unknown.
    """
    return drawn(30, 610, "calories", _food(food))


def protein(food: str) -> float:
    """Grams of protein in 100 grams of a food."""
    return drawn(4, 280, "protein", _food(food)) / 10


def _food(name: str) -> str:
    food = name.strip().casefold()
    if food not in _FOODS:
        raise ApiError(Status.NOT_FOUND, f"Unknown food '{name}'.")
    return food


@pantrypal.api(example={"ingredient": "pumpkin"})
def search_recipes(ingredient: str) -> dict[str, object]:
    """Search recipes with an ingredient. Gives the recipe_id and name of each.

    Args:
        ingredient: The ingredient to cook with.
    """
    wanted = ingredient.strip().casefold()
    found = [recipe for recipe in RECIPES if wanted in recipe.ingredients]
    return {"recipes": [{"recipe_id": r.recipe_id, "name": r.name} for r in found]}


@pantrypal.api(example={"recipe_id": "R12"})
def recipe_steps(recipe_id: str) -> dict[str, object]:
    """A recipe's ingredients and its cooking time in minutes.

    Args:
        recipe_id: Identifier of the recipe, as search_recipes gives it.
    """
    for recipe in RECIPES:
        if recipe.recipe_id == recipe_id.strip().upper():
            return {
                "name": recipe.name,
                "ingredients": list(recipe.ingredients),
                "cooking_minutes": recipe.minutes,
            }
    raise ApiError(Status.NOT_FOUND, f"Unknown recipe_id '{recipe_id}'.")


@nutridata.api(example={"food": "oats"})
def nutrition_facts(food: str) -> dict[str, object]:
    """Nutrition facts of a food: calories and protein in 100 grams.

    Args:
        food: Name of the food.
    """
    return {"food": _food(food), "calories": calories(food), "protein_g": protein(food)}


@mealfacts.api(example={"food": "tofu", "grams": 150})
def count_calories(food: str, grams: int = 100) -> dict[str, object]:
    """Count the calories in a portion of a food.

    Args:
        food: Name of the food.
        grams: Weight of the portion.
    """
    if not 1 <= grams <= 10_000:
        raise ApiError(Status.BAD_INPUT, "grams must be between 1 and 10000.")
    return {"food": _food(food), "grams": grams, "calories": calories(food) * grams / 100}


@basketlist.api(changes_state=True, example={"item": "lemon", "quantity": 3})
def add_item(state: MiniState, item: str, quantity: int = 1) -> dict[str, object]:
    """Add an item to your shopping list. Gives how many pieces are on the list.

    Args:
        state: The episode's state.
        item: What to buy.
        quantity: How many pieces, 1 to 99.
    """
    name = item.strip().casefold()
    if not name or not 1 <= quantity <= 99:
        raise ApiError(Status.BAD_INPUT, "item must be named and quantity be between 1 and 99.")
    state.basket[name] = state.basket.get(name, 0) + quantity
    return {"item": name, "quantity": state.basket[name], "pieces": sum(state.basket.values())}


@basketlist.api(changes_state=True, example={"item": "rice"})
def remove_item(state: MiniState, item: str) -> dict[str, object]:
    """Remove an item from your shopping list. Gives how many pieces remain on the list.

    Args:
        state: The episode's state.
        item: What not to buy.
    """
    name = item.strip().casefold()
    if name not in state.basket:
        raise ApiError(Status.NOT_FOUND, f"'{item}' is not on the shopping list.")
    del state.basket[name]
    return {"removed": name, "pieces": sum(state.basket.values())}


@basketlist.api()
def show_list(state: MiniState) -> dict[str, object]:
    """Show the items on your shopping list with their quantities."""
    return {
        "items": [{"item": item, "quantity": quantity} for item, quantity in state.basket.items()],
        "pieces": sum(state.basket.values()),
    }
