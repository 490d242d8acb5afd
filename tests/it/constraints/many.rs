//! Many rows that a table refuses, and rows whose neighbours it refuses.

use std::fmt::Write as _;
use std::time::Instant;

use super::facts::pay;
use super::{acc, current, rejects, with_rejects};

const SMALL: &str = "n integer constraint small check (n < 9)";
const RAISING: &str = "create sequence datawarehouse.most_locks minvalue 0;
    create function public.no_nines() returns trigger language plpgsql as $$
    begin
        if new.n = 9 then
            perform setval('datawarehouse.most_locks', greatest(
                (select last_value from datawarehouse.most_locks),
                (select count(*) from pg_locks where pid = pg_backend_pid())));
            raise exception 'no nines';
        end if;
        return new;
    end $$;
    create trigger watchful before insert or update on datawarehouse.acc
    for each row execute function public.no_nines()";

/// So many rows, of which each of some has a nine.
fn rows(count: u32, every: u32) -> String {
    let mut file = "code,n\n".to_owned();
    for row in 1..=count {
        let value = if row % every == 0 { 9 } else { 1 };
        writeln!(file, "c{row:06},{value}").unwrap();
    }
    file
}

#[test]
fn thousands_of_refused_rows_are_found_soon() {
    let good = acc(SMALL, "");
    let began = Instant::now();
    good.load("acc.csv", rows(30_000, 30_001)).exits(0);
    let usual = began.elapsed();
    let warehouse = acc(SMALL, "");

    let began = Instant::now();
    let load = with_rejects(warehouse.load("acc.csv", rows(30_000, 15)));
    let took = began.elapsed();

    assert_eq!(load["rows"]["rejected"], 2000);
    assert_eq!(load["changes"]["inserted"], 28_000);
    let told = rejects(&warehouse);
    let named = told.matches("The constraint `small` refuses the row.");
    assert_eq!(named.count(), 2000);
    assert!(took < usual * 60, "{took:?} for {usual:?}");
}

#[test]
fn rows_that_a_trigger_refuses_take_no_locks() {
    let warehouse = acc("n integer", "");
    warehouse.execute(RAISING);

    let load = with_rejects(warehouse.load("acc.csv", rows(30_000, 150)));

    assert_eq!(load["rows"]["rejected"], 200);
    let most = warehouse.query("select last_value < 150 from datawarehouse.most_locks");
    assert_eq!(most, "t\n");
}

#[test]
fn the_rule_is_named_that_the_server_names() {
    let warehouse = acc(
        "n integer constraint z_first check (n < 9), m integer not null",
        "",
    );
    warehouse.execute("alter table datawarehouse.acc add constraint a_first check (n < 8)");

    with_rejects(warehouse.load("acc.csv", "code,n,m\na,9,1\nb,1,\nc,9,\nd,1,1\n"));

    let told = warehouse.query("select line, kind, message from hayloft.reject order by 1");
    let first = told.lines().next().unwrap();
    assert_eq!(
        first,
        "2 | check_failed | The constraint `a_first` refuses the row."
    );
}

#[test]
fn values_change_places_beside_a_refused_row() {
    let warehouse = acc(SMALL, "");
    warehouse.execute(
        "create unique index one on datawarehouse.acc (n) where effective_end_date is null",
    );
    warehouse
        .load("acc-1.csv", "code,n\na,1\nb,2\nc,3\n")
        .exits(0);

    let load = with_rejects(warehouse.load("acc-2.csv", "code,n\na,2\nb,1\nc,9\nd,10\n"));

    assert_eq!(load["rows"]["rejected"], 2);
    assert_eq!(current(&warehouse, "n"), "a | 2\nb | 1\nc | 3\n");
    warehouse.assert_sound();
}

#[test]
fn a_fact_may_name_a_later_one() {
    for when in ["", "deferrable initially deferred"] {
        let warehouse = pay("before bigint");
        warehouse.execute(&format!(
            "alter table datawarehouse.pay add constraint follows foreign key (before)
             references datawarehouse.pay {when}"
        ));
        let file = "pay_id,code,before\n1,a,3\n2,a,77\n3,b,\n4,b,2\n5,a,1\n";

        let load = with_rejects(warehouse.load("pay.csv", file));

        assert_eq!(load["rows"]["rejected"], 2, "{when}");
        assert_eq!(
            warehouse.query("select pay_id, before from datawarehouse.pay order by 1"),
            "1 | 3\n3 | ∅\n5 | 1\n",
            "{when}"
        );
        warehouse.run(&["check"]).exits(0);
    }
}
