//! Triggers and rules that make something else of rows.

use super::{acc, current};
use crate::support::Warehouse;

/// What each does to rows of `acc` whose `n` is 9.
const MEDDLING: [&str; 5] = [
    "create function public.f() returns trigger language plpgsql as $$
     begin
         if new.n = 9 then return null; end if;
         return new;
     end $$;
     create trigger meddler before insert on datawarehouse.acc
     for each row execute function public.f()",
    "create function public.f() returns trigger language plpgsql as $$
     begin
         if new.n = 9 then new.n := 8; end if;
         return new;
     end $$;
     create trigger meddler before insert on datawarehouse.acc
     for each row execute function public.f()",
    "create rule meddler as on insert to datawarehouse.acc where new.n = 9 do instead nothing",
    "create function public.f() returns trigger language plpgsql as $$
     begin
         update datawarehouse.acc set n = 8 where n = 9;
         return null;
     end $$;
     create trigger meddler after insert on datawarehouse.acc
     for each statement execute function public.f()",
    "create function public.f() returns trigger language plpgsql as $$
     begin
         delete from datawarehouse.acc where n = 9;
         return null;
     end $$;
     create trigger meddler after insert on datawarehouse.acc
     for each statement execute function public.f()",
];

#[test]
fn a_load_that_a_trigger_meddles_with_is_refused() {
    for rule in MEDDLING {
        {
            let warehouse = acc("n integer", "effective = { file_name = \"%Y-%m-%d\" }");
            let filled = "acc-2026-02-01.csv";
            warehouse.execute(rule);
            let run = warehouse.load(filled, "code,n\na,1\nb,9\n").exits(2);
            assert!(run.stderr.contains("`meddler`"), "{rule} {run:#?}");
            assert_eq!(current(&warehouse, "n"), "", "{rule}");

            warehouse.load(filled, "code,n\na,1\nb,2\n").exits(0);
            // Later, and earlier where the name tells.
            for name in ["acc-2026-03-01.csv", "acc-2026-01-01.csv"] {
                let run = warehouse.load(name, "code,n\na,9\nc,1\n").exits(2);
                assert!(run.stderr.contains("`meddler`"), "{rule} {run:#?}");
                assert_eq!(current(&warehouse, "n"), "a | 1\nb | 2\n", "{rule}");
            }
            warehouse.assert_sound();
        }
    }
}

#[test]
fn a_trigger_that_lets_no_version_end_is_told() {
    let warehouse = acc("n integer", "");
    warehouse.load("acc.csv", "code,n\na,1\n").exits(0);
    warehouse.execute(
        "create function public.f() returns trigger language plpgsql as $$
         begin return null; end $$;
         create trigger meddler before update on datawarehouse.acc
         for each row execute function public.f()",
    );

    let run = warehouse.load("acc-2.csv", "code,n\na,2\n").exits(2);

    assert!(run.stderr.contains("`meddler`"), "{run:#?}");
    assert_eq!(current(&warehouse, "n"), "a | 1\n");
}

#[test]
fn a_trigger_that_keeps_what_is_written_is_welcome() {
    let warehouse = acc("n integer, seen timestamptz", "");
    warehouse.execute(
        "create table public.log (code text);
         create function public.f() returns trigger language plpgsql as $$
         begin
             insert into public.log values (new.code);
             new.seen := now();
             return new;
         end $$;
         create trigger kind before insert or update on datawarehouse.acc
         for each row execute function public.f()",
    );
    warehouse.load("acc.csv", "code,n\na,1\nb,2\n").exits(0);
    warehouse.load("acc-2.csv", "code,n\na,2\nb,2\n").exits(0);
    assert_eq!(current(&warehouse, "n"), "a | 2\nb | 2\n");
    assert_eq!(warehouse.query("select count(*) from public.log"), "4\n");
}

#[test]
fn facts_that_a_trigger_meddles_with_are_refused() {
    for rule in [
        "if new.amount = 9 then return null; end if; return new;",
        "if new.amount = 9 then new.amount := 8; end if; return new;",
    ] {
        let warehouse: Warehouse = super::facts::pay("amount integer");
        warehouse
            .load("pay.csv", "pay_id,code,amount\n1,a,10\n2,zoe,9\n")
            .exits(0);
        warehouse.execute(&format!(
            "create function public.f() returns trigger language plpgsql as $$ begin {rule} end $$;
             create trigger meddler before insert or update on datawarehouse.pay
             for each row execute function public.f()"
        ));
        for file in ["1,a,9\n", "3,a,9\n", "3,a,1\n1,a,9\n"] {
            let file = format!("pay_id,code,amount\n{file}");
            let run = warehouse.load("pay-2.csv", file).exits(2);
            assert!(run.stderr.contains("`meddler`"), "{rule} {run:#?}");
        }
        if rule.contains("null") {
            // A fact that waited.
            let run = warehouse.load("acc-2.csv", "code,tier\nzoe,tin\n").exits(2);
            assert!(run.stderr.contains("`meddler`"), "{rule} {run:#?}");
        }
        assert_eq!(
            warehouse.query("select pay_id, amount from datawarehouse.pay"),
            "1 | 10\n"
        );
    }
}
