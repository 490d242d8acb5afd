//! Facts that name their members by fields of other names than the dimensions' keys.

use crate::support::Warehouse;

/// Two dimensions whose keys have one name, and one that facts refer to twice.
const CONTRACT: &str = r#"
    [tables.shops]
    key = ["code"]
    durable_key = "shop_key"

    [tables.goods]
    key = ["code"]
    durable_key = "good_key"

    [tables.days]
    key = ["day"]
    durable_key = "day_key"
    [tables.days.columns]
    day = { format = "%d/%m/%Y" }

    [tables.sales]
    kind = "fact"
    key = ["sale_id"]
    [tables.sales.references]
    shop_key = { to = "shops", from = ["shop_code"] }
    good_key = { to = "goods", from = ["good_code"] }
    ordered_key = { to = "days", from = ["order_date"] }
    shipped_key = { to = "days", from = ["ship_date"] }
    [tables.sales.columns]
    order_date = { format = "%Y%m%d" }
    ship_date = { format = "%d.%m.%Y", null_tokens = ["never"] }
"#;

const VERSIONED: &str = "effective_start_date timestamptz not null, effective_end_date timestamptz,
    version_number int not null, load_id bigint not null, source_line bigint not null";

const SALES: &str = "sale_id,shop_code,good_code,order_date,ship_date,amount\n\
    1,s1,g1,20260301,02.03.2026,5\n2,s1,s1,20260302,never,6\n";

fn star() -> Warehouse {
    star_with(CONTRACT)
}

fn star_with(contract: &str) -> Warehouse {
    let warehouse = Warehouse::with_contract(contract);
    for (table, key, columns) in [
        ("shops", "shop_key", "code text not null, title text"),
        ("goods", "good_key", "code text not null, title text"),
        ("days", "day_key", "day date not null, quarter text"),
    ] {
        warehouse.execute(&format!(
            "create table datawarehouse.{table} ({key} uuid not null, {columns}, {VERSIONED},
                primary key ({key}, effective_start_date));
             create unique index on datawarehouse.{table} ({key}) where effective_end_date is null"
        ));
    }
    warehouse.execute(
        "create table datawarehouse.sales (
             sale_id bigint primary key, shop_key uuid not null, good_key uuid not null,
             ordered_key uuid not null, shipped_key uuid, order_date date, amount numeric,
             load_id bigint not null, source_line bigint not null
         )",
    );
    warehouse
}

fn load_members(warehouse: &Warehouse) {
    warehouse
        .load("shops.csv", "code,title\ns1,Shop\n")
        .exits(0);
    warehouse
        .load("goods.csv", "code,title\ng1,Good\ns1,Other\n")
        .exits(0);
    let days = "day,quarter\n01/03/2026,Q1\n02/03/2026,Q1\n";
    warehouse.load("days.csv", days).exits(0);
}

fn sales(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select sale_id, shops.title, goods.title, ordered.day, shipped.day, order_date
         from datawarehouse.sales
         join datawarehouse.shops using (shop_key)
         join datawarehouse.goods using (good_key)
         join datawarehouse.days as ordered on ordered.day_key = ordered_key
         left join datawarehouse.days as shipped on shipped.day_key = shipped_key
         order by sale_id",
    )
}

const LOADED: &str = "1 | Shop | Good | 2026-03-01 | 2026-03-02 | 2026-03-01\n\
    2 | Shop | Other | 2026-03-02 | ∅ | 2026-03-02\n";

#[test]
fn each_reference_names_the_fields_of_its_member() {
    let warehouse = star();
    load_members(&warehouse);
    warehouse.load("sales.csv", SALES).exits(0);
    assert_eq!(sales(&warehouse), LOADED);
    for load in ["1", "2", "3"] {
        let undo = warehouse.run(&["undo", load, "--yes"]).exits(2);
        assert!(undo.stderr.contains("refer to"), "{undo:#?}");
    }
    warehouse.run(&["undo", "4", "--yes"]).exits(0);
    assert_eq!(sales(&warehouse), "");
    warehouse.run(&["redo", "4", "--yes"]).exits(0);
    assert_eq!(sales(&warehouse), LOADED);
    warehouse.run(&["why", "sales", "1"]).exits(0);
    warehouse.assert_sound();
}

#[test]
fn facts_wait_for_the_members_of_all_references() {
    let warehouse = star();
    let load = warehouse.load("sales.csv", SALES).exits(0).only();
    assert_eq!(load["rows"]["held"], 2, "{load}");
    load_members(&warehouse);
    assert_eq!(sales(&warehouse), LOADED);
    assert_eq!(
        warehouse.query("select count(*) from hayloft.held_reference"),
        "0\n"
    );
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    assert_eq!(sales(&warehouse), "");
    warehouse.assert_sound();
}

#[test]
fn a_field_that_is_no_value_is_rejected_by_its_own_name() {
    let warehouse = star();
    load_members(&warehouse);
    let bad = SALES.replace("20260301", "2026-03-01");
    warehouse.load("sales.csv", bad).exits(1);
    assert_eq!(
        warehouse.query("select line, column_name from hayloft.reject"),
        "2 | order_date\n"
    );
    let missing = SALES.replace("shop_code", "shop");
    let run = warehouse.load("sales-2.csv", missing).exits(2);
    assert!(
        run.stderr
            .contains("`shop_key` (or `shop_code` of `shops`)"),
        "{run:#?}"
    );
}

#[test]
fn what_does_not_say_which_fields_is_told_how_to() {
    let table = [
        (
            "shop_key = { to = \"shops\", from = [\"shop_code\"] }",
            "shop_key = \"shops\"",
            "from = [\"goods_code\"]",
        ),
        (
            "from = [\"shop_code\"]",
            "from = [\"a\", \"b\"]",
            "names 2 field(s)",
        ),
        (
            "from = [\"shop_code\"]",
            "from = [\"load_id\"]",
            "no file fills",
        ),
        (
            "from = [\"shop_code\"]",
            "from = [\"shop_key\"]",
            "holds the durable key itself",
        ),
        ("to = \"shops\", from", "from", "which dimension"),
        ("to = \"shops\", from", "too = \"shops\", from", "too"),
        (
            "null_tokens = [\"never\"]",
            "canonical = \"email\"",
            "canonical",
        ),
        ("ship_date = {", "sip_date = {", "sip_date"),
    ];
    let warehouse = star();
    for (good, bad, said) in table {
        let contract = CONTRACT.replacen(good, bad, 1).replace(
            "good_key = { to = \"goods\", from = [\"good_code\"] }",
            if bad == "shop_key = \"shops\"" {
                "good_key = \"goods\""
            } else {
                "good_key = { to = \"goods\", from = [\"good_code\"] }"
            },
        );
        warehouse.write("hayloft.toml", &contract);
        let run = warehouse.load("sales.csv", SALES).exits(2);
        assert!(run.stderr.contains(said), "{bad}: {run:#?}");
    }
}
