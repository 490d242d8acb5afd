//! Rules of a dimension.

use super::{acc, assert_untold, current, rejects, with_rejects};
use expect_test::expect;

/// A hundred rows, of which the one on line 50 has this value.
fn hundred(value: &str) -> String {
    let rows = (2..=101).map(|line| match line {
        50 => format!("c{line:03},{value}\n"),
        _ => format!("c{line:03},1\n"),
    });
    format!("code,n\n{}", rows.collect::<String>())
}

#[test]
fn each_kind_of_rule_rejects_its_row() {
    let raising = "create function pg_temp.nothing() returns void language sql as '';
        create function public.no_nines() returns trigger language plpgsql as $$
        begin
            if new.n = 9 then raise exception 'not % of %', new.n, new.code; end if;
            return new;
        end $$;
        create trigger watchful before insert or update on datawarehouse.acc
        for each row execute function public.no_nines()";
    let late_raising = "create function public.no_nines() returns trigger language plpgsql as $$
        begin
            if new.n = 9 then raise exception 'not % of %', new.n, new.code; end if;
            return new;
        end $$;
        create constraint trigger watchful after insert or update on datawarehouse.acc
        deferrable initially deferred for each row execute function public.no_nines()";
    let table = [
        (
            "n integer",
            "alter table datawarehouse.acc add constraint small check (n < 9)",
            "The constraint `small` refuses the row.",
        ),
        (
            "n integer",
            "create table datawarehouse.known (n integer primary key);
             insert into datawarehouse.known values (1);
             alter table datawarehouse.acc add constraint is_known foreign key (n)
             references datawarehouse.known",
            "The foreign key `is_known` refuses the row: what the row refers to is not there.",
        ),
        (
            "n integer",
            "create table datawarehouse.known (n integer primary key);
             insert into datawarehouse.known values (1);
             alter table datawarehouse.acc add constraint is_known foreign key (n)
             references datawarehouse.known deferrable initially deferred",
            "The foreign key `is_known` refuses the row: what the row refers to is not there.",
        ),
        (
            "n integer, m integer generated always as (10 / (9 - n)) stored",
            "select",
            "The table refuses the row (SQLSTATE 22012).",
        ),
        (
            "n integer",
            "create index on datawarehouse.acc ((10 / (9 - n)))",
            "The table refuses the row (SQLSTATE 22012).",
        ),
        (
            "n integer",
            raising,
            "The trigger `watchful` refuses the row (SQLSTATE P0001).",
        ),
        (
            "n integer",
            late_raising,
            "The trigger `watchful` refuses the row (SQLSTATE P0001).",
        ),
        (
            "n integer",
            "create table datawarehouse.nines (n integer primary key);
             insert into datawarehouse.nines values (9);
             create function public.f() returns trigger language plpgsql as $$
             begin
                 insert into datawarehouse.nines values (new.n) ;
                 delete from datawarehouse.nines where n = new.n;
                 return new;
             end $$;
             create trigger t after insert on datawarehouse.acc
             for each row execute function public.f()",
            "The trigger `t` refuses the row (SQLSTATE 23505).",
        ),
    ];
    for (columns, rule, message) in table {
        let warehouse = acc(columns, "");
        warehouse.execute(rule);

        let run = warehouse.load("acc.csv", hundred("9"));

        assert_untold(&warehouse, &run, "c050");
        let load = with_rejects(run);
        assert_eq!(load["rows"]["accepted"], 99, "{rule}");
        assert_eq!(load["changes"]["inserted"], 99, "{rule}");
        assert_eq!(
            rejects(&warehouse),
            format!("{} | 50 | check_failed | {message}\n", load["load_id"]),
            "{rule}"
        );
        warehouse.assert_sound();
    }
}

#[test]
fn the_first_of_two_rows_that_exclude_each_other_stands() {
    let rules = [
        "create unique index one on datawarehouse.acc (n) where effective_end_date is null",
        "alter table datawarehouse.acc add constraint one unique (n, effective_end_date)
         deferrable initially deferred;
         create unique index other on datawarehouse.acc (n) where effective_end_date is null",
        "alter table datawarehouse.acc add constraint one exclude using btree (n with =)
         where (effective_end_date is null)",
    ];
    for rule in rules {
        let warehouse = acc("n integer", "");
        warehouse.execute(rule);

        let file = "code,n\na,1\nb,2\nc,1\nd,2\ne,3\n";
        let load = with_rejects(warehouse.load("acc.csv", file));

        assert_eq!(load["rows"]["rejected"], 2, "{rule}");
        assert_eq!(current(&warehouse, "n"), "a | 1\nb | 2\ne | 3\n", "{rule}");
        // A value that goes over from one key to another is free in time.
        warehouse.load("acc-2.csv", "code,n\na,4\n").exits(0);
        warehouse.load("acc-3.csv", "code,n\nf,1\n").exits(0);
    }
}

#[test]
fn a_duplicate_stands_in_for_a_refused_row() {
    let warehouse = acc("n integer check (n < 9)", "");
    let file = "code,n\na,1\na,2\na,9\na,10\nb,5\n";

    let load = with_rejects(warehouse.load("acc.csv", file));

    assert_eq!(load["rows"]["rejected"], 2);
    assert_eq!(current(&warehouse, "n"), "a | 2\nb | 5\n");
    expect![[r"
        2 | conflicting_duplicate
        4 | check_failed
        5 | check_failed
    "]]
    .assert_eq(&warehouse.query("select line, kind from hayloft.reject order by 1"));
}

#[test]
fn many_refused_duplicates_of_a_key_cost_few_rounds() {
    let guards = "guards = { max_reject_fraction = 1.0 }";
    let warehouse = acc("n integer check (n < 1000)", guards);
    let bad = (0..150).map(|bad| format!("a,{}\nb,{}\n", 1000 + bad, 2000 + bad % 3));
    let good = (0..300).map(|good| format!("c{good},{good}\n"));
    let rows: Vec<String> = bad.chain(good).collect();
    let file = format!("code,n\na,1\na,2\n{}", rows.concat());

    let load = with_rejects(warehouse.load("acc.csv", &file));

    assert_eq!(load["rows"]["rejected"], 300);
    assert_eq!(load["rows"]["accepted"], 301);
    assert_eq!(
        warehouse.query("select code, n from datawarehouse.acc where code in ('a', 'b')"),
        "a | 2\n"
    );
    // Each load that is begun takes a number: this one is of the third round.
    assert_eq!(load["load_id"], 5);
    warehouse.assert_sound();
}

#[test]
fn a_message_that_ends_its_line_refuses_its_row_alone() {
    for raised in [
        "raise exception E'no\\n'",
        "raise exception using message = ''",
        "raise exception E'a\\nb\\n'",
    ] {
        for when in [
            "create trigger watchful before insert on datawarehouse.acc
             for each row execute function public.no_nines()",
            "create constraint trigger watchful after insert on datawarehouse.acc
             deferrable initially deferred for each row execute function public.no_nines()",
        ] {
            let warehouse = acc("n integer", "");
            warehouse.execute(&format!(
                "create function public.no_nines() returns trigger language plpgsql as $$
                 begin if new.n = 9 then {raised}; end if; return new; end $$;
                 {when}"
            ));

            let load = with_rejects(warehouse.load("acc.csv", "code,n\na,1\nb,9\n"));

            assert_eq!(load["rows"]["rejected"], 1, "{raised} {when}");
            assert_eq!(current(&warehouse, "n"), "a | 1\n");
        }
    }
}
