from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolenv.apis import API
from toolenv.names import standard_api, standard_category, standard_tool
from toolenv.server.directory import Directory, identities_of

NAMES = st.text(max_size=30)


@given(NAMES, NAMES.filter(bool), NAMES)
def test_names_that_are_standardised_already_mean_the_same(
    category: str, tool: str, api: str
) -> None:
    standard = (standard_category(category), standard_tool(tool), standard_api(api))
    if standard[1]:
        assert identities_of(*standard)[-1] == identities_of(category, tool, api)[-1]


@given(NAMES, NAMES.filter(lambda name: bool(standard_tool(name))), NAMES)
def test_a_documented_api_is_found_under_its_raw_and_its_standard_names(
    category: str, tool: str, api: str
) -> None:
    document = API(category=category, tool=tool, name=api)
    directory = Directory([document])
    for names in (
        (category, tool, api),
        (standard_category(category), standard_tool(tool), standard_api(api)),
    ):
        assert document.identity in [found.identity for found in directory.find(*names)]


@given(NAMES, NAMES, NAMES)
def test_every_name_has_a_reading_that_is_no_path(category: str, tool: str, api: str) -> None:
    found = identities_of(category, tool, api)
    assert found
    if tool:
        assert not any(set("/\\.\0") & set(one.tool + one.api) for one in found)
    assert all(len(one.function) <= 64 for one in found)


def test_a_documented_name_comes_before_a_cut_one() -> None:
    whole = API(category="Data", tool="city", name="weather_for_city")
    cut = API(category="Data", tool="city", name="weather")
    first = Directory([whole]).find("Data", "city", "weather_for_city")[0]
    assert first.identity == whole.identity
    first = Directory([cut]).find("Data", "city", "weather_for_city")[0]
    assert first.identity == cut.identity


def test_what_is_not_named_is_taken_from_the_only_document_that_fits() -> None:
    one = API(category="Data", tool="city", name="weather")
    other = API(category="News", tool="city", name="weather")
    (found,) = Directory([one]).find("", "city", "weather")
    assert found.identity == one.identity
    (found,) = Directory([one, other]).find("", "city", "weather")
    assert found.resolver is None
    (found,) = Directory([one, other]).find("News", "city", "weather")
    assert found.identity == other.identity


def test_apis_whose_functions_are_named_alike_are_kept_apart_in_an_episode() -> None:
    apis = [API(category="Data", tool="city", name=name) for name in ("weather" * 10, "x" * 80)]
    apis += [API(category="News", tool="city", name="weather" * 10)]
    directory = Directory(apis)
    names = [
        directory.in_episode(directory.find(api.category, api.tool, api.name)[0]).function
        for api in apis
    ]
    assert [directory.task.named_apis[name] for name in names] == apis
