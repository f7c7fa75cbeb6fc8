"""Files of any shop: odd but good input comes through, bad input is refused with a remedy."""

import pandas as pd
import pytest
from pydantic import ValidationError

from lifeworth.tables.errors import InputError
from lifeworth.tables.margin import order_value
from lifeworth.tables.sources.files import Files

COLUMNS = {"order_id": "Order", "customer_id": "Customer", "ordered_at": "Date", "amount": "Paid"}

GOOD = """Order,Customer,Date,Paid
0012,007,2023-01-05,12.34
0013,"Smith, ""Al"" B",2023-02-05T10:00:00+02:00,0.285
0014,007,2023-03-05 23:59:59,5
"""


@pytest.fixture
def shop(tmp_path):
    """Return a function that writes a CSV and makes its source."""

    def make(text, *, written="utf-8", columns=COLUMNS, **options):
        (tmp_path / "orders.csv").write_bytes(text.encode(written))
        chosen = {"currency": "EUR", "file": "orders.csv"} | options
        return Files(folder=str(tmp_path), columns=columns, **chosen)

    return make


def frame(source):
    return source.load().orders.order_by("order_id").to_pandas()


def refused(source):
    with pytest.raises(InputError) as error:
        source.load()
    return str(error.value)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig"])
def test_zeros_quotes_zones_and_a_byte_order_mark(shop, written, ending):
    got = frame(shop(GOOD.replace("\n", ending), written=written))
    assert got.order_id.tolist() == ["0012", "0013", "0014"]
    assert got.customer_id.tolist() == ["007", 'Smith, "Al" B', "007"]
    assert got.amount_cents.tolist() == [1234, 28, 500]
    assert got.ordered_at.tolist() == [
        pd.Timestamp(t) for t in ("2023-01-05", "2023-02-05 08:00", "2023-03-05 23:59:59")
    ]


def test_what_is_not_mapped_has_its_default(shop):
    tables = shop(GOOD).load()
    assert tables.value_is == "revenue"
    row = tables.orders.to_pandas().iloc[0]
    assert (row.discount_cents, row.tax_cents, row.shipping_cents, row.returned) == (0, 0, 0, False)
    assert pd.isna(row.cogs_cents)
    assert sorted(tables.customers.to_pandas().customer_id) == ["007", 'Smith, "Al" B']
    unnumbered = {k: v for k, v in COLUMNS.items() if k != "order_id"}
    assert frame(shop(GOOD, columns=unnumbered)).order_id.tolist() == ["1", "2", "3"]


def test_costs_make_a_margin(shop):
    text = (
        "c,t,a,d,x,s,g,r\nz,2023-01-01,120,20,15.97,4,50,no\nz,2023-01-02,120,20,15.97,4,50,yes\n"
    )
    names = (
        "customer_id",
        "ordered_at",
        "amount",
        "discount",
        "tax",
        "shipping",
        "cogs",
        "returned",
    )
    tables = shop(text, columns=dict(zip(names, "ctadxsgr", strict=True))).load()
    assert tables.value_is == "margin"
    assert sorted(
        tables.orders.select(order_value(tables.orders, "margin")).to_pandas().value_cents
    ) == [-400, 3003]


def test_cents_delimiters_date_formats_and_parquet(shop, tmp_path):
    text = "Order;Customer;Date;Paid\n1;a;31.12.2022;1234\n"
    got = frame(shop(text, delimiter=";", units="cents", date_format="%d.%m.%Y"))
    assert got.amount_cents.tolist() == [1234]
    assert got.ordered_at.tolist() == [pd.Timestamp("2022-12-31")]
    rows = pd.DataFrame(
        {"Order": [1], "Customer": [12346.0], "Date": ["2022-12-31"], "Paid": [12.34]}
    )
    rows.to_parquet(tmp_path / "o.parquet")
    got = frame(Files(folder=str(tmp_path), file="o.parquet", columns=COLUMNS, currency="EUR"))
    assert got[["order_id", "customer_id", "amount_cents"]].to_numpy().tolist() == [
        ["1", "12346", 1234]
    ]


def test_other_encodings_have_to_be_named(shop):
    text = GOOD + "0015,Café,2023-01-01,1\n"
    far = GOOD + "0016,a,2023-01-01,1\n" * 1_000 + "0015,Café,2023-01-01,1\n"
    assert "line 1,005: not utf-8 text; give data.encoding=latin-1" in refused(
        shop(far, written="latin-1")
    )
    header = text.replace("Customer", "Käufer")
    assert "not utf-8 text (byte 7)" in refused(shop(header, written="latin-1"))
    good = shop(text, written="latin-1", encoding="latin-1")
    assert "Café" in set(frame(good).customer_id)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "orders.csv: the file is empty (0 bytes); export it again"),
        ("Order,Customer,Date,Paid\n", "orders: the table has no rows; check that the file"),
        (
            GOOD.replace(",", ";"),
            "orders.csv: one column, 'Order;Customer;Date;Paid', when split at ','; the values look"
            " separated by semicolons: give 'data.delimiter=\";\"', or save it with commas",
        ),
        (
            GOOD.replace("Customer", "Order"),
            "orders.csv: the header has two columns called 'Order'",
        ),
        (GOOD.replace("Customer", ""), "orders.csv: the header has a column without a name"),
        (
            GOOD.replace("Customer", "customer"),
            "orders.csv: no column 'Customer', did you mean 'customer'?; there are 'Order',"
            " 'customer', 'Date', 'Paid'; say which of them it is, as in"
            " 'data.columns.customer_id=\"Customer No\"'",
        ),
        (GOOD + "1,2\n", "orders.csv: line 5: not 4 columns as in the header"),
        (GOOD + "1,2,3,4,5\n", "orders.csv: line 5: not 4 columns as in the header"),
        (
            GOOD + "9,a,05/31/2023,1\n10,a,06/31/2023,1\n",
            "orders.csv: 2 of 5 rows have a 'Date' that is not a date, first at row 4"
            " ('05/31/2023'); name the format, for example 'data.date_format=\"%d",
        ),
        (
            GOOD + '9,a,2023-01-01,"1,234.50"\n',
            "orders.csv: 1 of 4 rows have a 'Paid' that is not an amount of money, first at row 4"
            " ('1,234.50'); write amounts with a decimal point (or give 'data.decimal=\",\"')",
        ),
        (
            GOOD.replace("2023-01-05", "1672876800"),
            "orders.csv: 1 of 3 rows have a 'Date' that seems to count seconds since 1970",
        ),
        (
            GOOD.replace("2023-01-05", "202301051530"),
            "orders.csv: 1 of 3 rows have a 'Date' that seems to be a date without signs, first at"
            " row",
        ),
        (GOOD.replace("2023-01-05", "2011093015"), "give 'data.date_format=\"%Y%m%d%H%M%S\"', or"),
        (
            GOOD + "9,a,1672876800123,1\n8,a,1672876801123,1\n",
            "2 of 5 rows have a 'Date' that seems to count milliseconds since 1970 and is to be a"
            " date, first at row 4 ('1672876800123'); write dates: pandas.to_datetime(frame['Date']"
            ".astype('int64'), unit='ms')",
        ),
        (
            GOOD + "9,a,2023-01-01,-4.20\n",
            "orders: 1 of 4 rows have amount_cents < 0, first at row 4 (order '9', -420); refunds",
        ),
        (
            GOOD + "0012,a,2023-01-01,1\n",
            "orders: 1 of 4 rows repeat the order_id of an earlier row",
        ),
        (GOOD + "9,,2023-01-01,1\n", "orders: 1 of 4 rows have no customer_id, first at row 4"),
        (GOOD + ",a,2023-01-01,1\n", "orders: 1 of 4 rows have no order_id, first at row 4"),
        (
            GOOD + "9,a,,1\n",
            "orders: 1 of 4 rows have no ordered_at, first at row 4 (order '9', mi",
        ),
        (GOOD + "9,a,2023-01-01,\n", "orders: 1 of 4 rows have no amount_cents, first at row 4"),
    ],
)
def test_bad_files_say_what_is_wrong_and_what_to_do(shop, text, said):
    assert said in refused(shop(text))


def test_mixed_currencies_are_seen_where_the_column_is_mapped(shop):
    text = "Order,Customer,Date,Paid,Cur\n1,a,2023-01-01,1,EUR\n2,a,2023-01-01,1,GBP\n"
    said = refused(shop(text, columns=COLUMNS | {"currency": "Cur"}))
    assert "1 of 2 rows have a currency other than 'EUR', first at row 2 (order '2', 'GBP')" in said


def test_a_date_in_the_future_needs_a_bound(shop):
    source = shop(GOOD)
    assert source.load(pd.Timestamp("2023-04-01").to_pydatetime()).orders.count().execute() == 3
    with pytest.raises(
        InputError, match="1 of 3 rows have ordered_at after 2023-03-01 00:00, first"
    ):
        source.load(pd.Timestamp("2023-03-01").to_pydatetime())


def test_mappings_are_checked_by_name(shop):
    said = refused(
        shop(GOOD, columns={"custmer_id": "Customer", "ordered_at": "Date"})
    ).splitlines()
    assert said[0].startswith(
        "files: columns has 'custmer_id', unknown in a file of orders, did you mean 'customer_id'?"
    )
    assert said[1].startswith("files: columns does not name 'customer_id'; a file of orders needs")
    assert said[2].startswith("files: columns does not name 'amount'")
    with pytest.raises(ValidationError, match="colums"):
        Files(file="a.csv", columns={}, currency="EUR", colums={})


def test_folders_and_files_that_are_not_there(shop, tmp_path):
    gone = Files(folder=str(tmp_path / "no"), file="a.csv", columns=COLUMNS, currency="EUR")
    assert "the data folder" in refused(gone)
    assert "is not there; name the folder" in refused(gone)
    assert "is a file, not a folder" in refused(
        Files(
            folder=shop(GOOD).folder + "/orders.csv", file="a.csv", columns=COLUMNS, currency="EUR"
        )
    )
    assert "no data folder is named" in refused(
        Files(file="a.csv", columns=COLUMNS, currency="EUR")
    )
    assert "a.csv: no such file in" in refused(shop(GOOD, file="a.csv"))


def test_other_kinds_of_file_say_how_to_convert(shop, tmp_path):
    (tmp_path / "o.xlsx").write_bytes(b"x")
    assert (
        "'.xlsx' files are not read; save it as CSV, or convert it: pandas.read_excel"
        in refused(shop(GOOD, file="o.xlsx"))
    )
    (tmp_path / "o.parquet").write_bytes(b"Order,Customer\n")
    assert "o.parquet: not a Parquet file (it does not end with Parquet's mark)" in refused(
        shop(GOOD, file="o.parquet")
    )


LINES = """Order,Customer,Date,Paid,Item,N,Cost,Back
1,a,2023-01-02,10,p1,2,6,yes
1,a,2023-01-01,5,p2,1,3,no
2,b,2023-01-03,7.5,p1,1,4,yes
"""

LINE_COLUMNS = COLUMNS | {"product_id": "Item", "quantity": "N", "cogs": "Cost", "returned": "Back"}


def test_lines_are_summed_into_orders(shop):
    tables = shop(LINES, columns=LINE_COLUMNS, rows="lines").load()
    got = tables.orders.order_by("order_id").to_pandas()
    assert got.amount_cents.tolist() == [1500, 750]
    assert got.cogs_cents.tolist() == [900, 400]
    assert got.returned.tolist() == [False, True]
    assert got.ordered_at.tolist() == [pd.Timestamp("2023-01-01"), pd.Timestamp("2023-01-03")]
    lines = tables.order_lines.order_by(["order_id", "line_number"]).to_pandas()
    assert lines[["order_id", "line_number", "product_id", "quantity"]].to_numpy().tolist() == [
        ["1", 1, "p1", 2],
        ["1", 2, "p2", 1],
        ["2", 1, "p1", 1],
    ]
    assert sorted(tables.products.to_pandas().product_id) == ["p1", "p2"]


def test_an_order_of_two_customers_is_refused(shop):
    text = LINES + "2,c,2023-01-03,1,p1,1,1,no\n"
    said = refused(shop(text, columns=LINE_COLUMNS, rows="lines"))
    assert "1 of 4 rows belong to an order that began with another customer, first at row 4" in said


BACK_LINES = """Order,Customer,Date,Paid,Product,Money,Tax,Back
A1,7,2023-01-05,10,p,EUR,1,
A1,7,2023-01-05,20,q,EUR,2,
A2,8,2023-02-05,5,p,EUR,0,2023-02-09
"""

BACK_COLUMNS = COLUMNS | {
    "product_id": "Product", "currency": "Money", "tax": "Tax", "returned_at": "Back"
}  # fmt: skip


def test_lines_become_orders_and_a_return_is_known_by_its_date(shop):
    got = frame(shop(BACK_LINES, columns=BACK_COLUMNS, rows="lines"))
    assert got.amount_cents.tolist() == [3_000, 500]
    assert got.tax_cents.tolist() == [300, 0]
    assert got.returned.tolist() == [False, True]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A1,7,2023-01-05,20,q,USD,2,", "another currency than the first line of their order"),
        ("A1,7,2023-01-05,20,q,,2,", "have no currency"),
        ("A1,7,2023-01-05,20,q,EUR,,", "have no tax"),
        ("A1,7,,20,q,EUR,2,", "have no ordered_at"),
        ("A1,,2023-01-05,20,q,EUR,2,", "have no customer_id"),
    ],
)
def test_what_an_order_would_hide_of_its_lines_is_refused(shop, line, said):
    text = BACK_LINES.replace("A1,7,2023-01-05,20,q,EUR,2,", line)
    assert said in refused(shop(text, columns=BACK_COLUMNS, rows="lines"))


def test_a_suffix_in_capitals_is_read(tmp_path):
    (tmp_path / "ORDERS.CSV").write_text(GOOD)
    source = Files(folder=str(tmp_path), file="ORDERS.CSV", columns=COLUMNS, currency="EUR")
    assert len(frame(source)) == 3


def test_decimal_commas_and_spaces_around_ids(shop):
    text = """Order;Customer;Date;Paid
1; 007 ;02.01.2023;1.234,50
2;007;03.01.2023;0,5
"""
    options = {"delimiter": ";", "decimal": ",", "date_format": "%d.%m.%Y"}
    got = frame(shop(text, **options))
    assert got.amount_cents.tolist() == [123_450, 50]
    assert got.customer_id.tolist() == ["007", "007"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"Paid": pd.to_datetime(["2023-01-05"])},
            "o.parquet: column 'Paid' is of type timestamp, such as 2023-01-05 00:00:00, and is to "
            "be an amount of money; write it as that, or give another column this name",
        ),
        (
            {"Paid": [True]},
            "column 'Paid' is of type boolean, such as True, and is to be an amount",
        ),
        ({"Paid": [[1.0, 2.0]]}, "column 'Paid' is of type array, such as [1.0, 2.0], and is"),
        ({"Customer": [[7]]}, "column 'Customer' is of type array, such as [7], and is to be text"),
        (
            {"Date": [1_672_876_800_000]},
            "1 of 1 rows have a 'Date' that seems to count milliseconds since 1970 and is to be a",
        ),
        ({"Date": [1_672_876_800_000_000_000]}, "seems to count nanoseconds since 1970"),
        ({"Date": [16.5]}, "1 of 1 rows have a 'Date' that is not a date, first at row 1 (16.5)"),
    ],
)
def test_columns_of_another_type_are_told_by_it(tmp_path, change, said):
    good = {"Order": [1], "Customer": ["a"], "Date": ["2023-01-05"], "Paid": [1.5]}
    pd.DataFrame(good | change).to_parquet(tmp_path / "o.parquet")
    source = Files(folder=str(tmp_path), file="o.parquet", columns=COLUMNS, currency="EUR")
    assert said in refused(source)


def test_a_broken_date_of_a_format_is_told_by_the_format(shop):
    text = "Order,Customer,Date,Paid\n1,a,20110930153000,5\n2,a,20110931153000,5\n"
    with pytest.raises(InputError, match=r"'Date' that is not a date like '%Y%m%d%H%M%S'"):
        shop(text, date_format="%Y%m%d%H%M%S").load()
