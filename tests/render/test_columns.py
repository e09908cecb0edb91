"""What stands in the row and what goes below it, at any width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.render.columns import GAP, laid_out, needs_of
from meta_autonomous.render.document import Column, Table

TITLES = ("id", "entity", "action", "from → to", "ROAS", "status", "reason")
TABLE = Table(
    (
        Column("id", is_number=True),
        Column("entity", may_wrap=True),
        Column("action"),
        Column("from → to", may_wrap=True),
        Column("ROAS", is_number=True),
        Column("status", may_wrap=True),
        Column("reason", may_wrap=True, below="because {}"),
    ),
    (("12", "Black Friday", "scale up", "500.00 → 600.00 USD (+20%)", "3.31", "open", "good"),),
    empty="",
)


def shown(width: int, table: Table = TABLE) -> tuple[list[str], str]:
    layout = laid_out(table, needs_of(table, len), width)
    return [table.columns[place].title for place in layout.widths], layout.below(table.rows[0])


@pytest.mark.parametrize(
    ("width", "titles", "below"),
    [
        (200, TITLES, ""),
        (70, TITLES[:6], "because good"),
        (56, TITLES[:5], "open · because good"),
        (48, TITLES[:4], "ROAS 3.31 · open · because good"),
        (30, TITLES[:3], "500.00 → 600.00 USD (+20%) · ROAS 3.31 · open · because good"),
        (9, TITLES[:2], "scale up · 500.00 → 600.00 USD (+20%) · ROAS 3.31 · open · because good"),
    ],
)
def test_what_does_not_fit_goes_below_its_row_the_rightmost_first(width, titles, below):
    assert shown(width) == (list(titles), below)


def test_a_remark_that_no_row_makes_takes_no_column():
    silent = Table(TABLE.columns, (("1", "A", "b", "c", "2", "d", ""),), empty="")
    assert shown(200, silent) == (list(TITLES[:6]), "")


cells = st.text("abc ", max_size=30)
columns = st.builds(
    Column,
    st.sampled_from(TITLES),
    is_number=st.booleans(),
    may_wrap=st.booleans(),
    below=st.sampled_from(["", "", "{}"]),
)


@st.composite
def tables(draw):
    heads = tuple(draw(st.lists(columns, min_size=1, max_size=9)))
    row = st.tuples(*(cells for _ in heads))
    return Table(heads, tuple(draw(st.lists(row, min_size=1, max_size=4))), empty="")


@given(tables(), st.integers(40, 300))
def test_no_column_is_squeezed_and_no_line_is_too_long(table, width):
    needs = needs_of(table, len)
    layout = laid_out(table, needs, width)
    assert layout.width <= width
    for place, given_width in layout.widths.items():
        assert given_width <= needs[place]
        is_leading = len(layout.widths) <= 2
        if not is_leading:
            least = 16 if table.columns[place].may_wrap else needs[place]
            assert given_width >= min(least, needs[place])


@given(tables(), st.integers(1, 300))
def test_nothing_is_left_unsaid(table, width):
    layout = laid_out(table, needs_of(table, len), width)
    for row in table.rows:
        for place, cell in enumerate(row):
            if cell and place not in layout.widths:
                assert cell in layout.below(row)


def test_the_gap_stands_between_columns_only():
    two = Table((Column("ab"), Column("cd")), (("1", "2"),), empty="")
    assert laid_out(two, needs_of(two, len), 80).width == 4 + GAP
