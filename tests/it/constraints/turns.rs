//! An undo or a redo that a rule of the table refuses.

use super::{acc, assert_untold, current};

#[test]
fn an_undo_names_the_rule_that_refuses_it() {
    let raising = "create function public.f() returns trigger language plpgsql as $$
        begin
            if new.n = 1 then raise exception 'the secret of %', new.code; end if;
            return new;
        end $$;
        create trigger no_ones before insert or update on datawarehouse.acc
        for each row execute function public.f()";
    for (rule, sentence) in [
        (
            "alter table datawarehouse.acc add constraint no_ones check (n <> 1) not valid",
            "The constraint `no_ones` refuses the row.",
        ),
        (
            raising,
            "The trigger `no_ones` refuses the row (SQLSTATE P0001).",
        ),
        (
            "alter table datawarehouse.acc alter column n set default 0;
             create table datawarehouse.known (n integer primary key);
             insert into datawarehouse.known values (0), (2);
             alter table datawarehouse.acc add constraint no_ones foreign key (n)
             references datawarehouse.known deferrable initially deferred not valid",
            "The foreign key `no_ones` refuses the row",
        ),
    ] {
        let warehouse = acc("n integer", "columns.n = { role = \"type1\" }");
        warehouse.load("acc.csv", "code,n\na,1\n").exits(0);
        warehouse.load("acc-2.csv", "code,n\na,2\n").exits(0);
        warehouse.execute(rule);
        for arguments in [&["undo", "2", "--yes"][..], &["undo", "2"]] {
            let run = warehouse.run(arguments).exits(2);

            assert!(run.stderr.contains("oad 2"), "{run:#?}");
            assert!(run.stderr.contains(sentence), "{run:#?}");
            assert_untold(&warehouse, &run, "secret");
            assert_eq!(current(&warehouse, "n"), "a | 2\n");
        }
    }
}

#[test]
fn a_redo_names_the_rule_that_refuses_it() {
    let warehouse = acc("n integer", "");
    warehouse.load("acc.csv", "code,n\na,1\n").exits(0);
    warehouse.load("acc-2.csv", "code,n\nb,1\n").exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    warehouse.execute(
        "create unique index one on datawarehouse.acc (n) where effective_end_date is null",
    );

    let run = warehouse.run(&["redo", "1", "--yes"]).exits(2);

    assert!(
        run.stderr.contains("The unique constraint `one`"),
        "{run:#?}"
    );
    assert_eq!(current(&warehouse, "n"), "b | 1\n");
}
