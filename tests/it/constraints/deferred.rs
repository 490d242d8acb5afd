//! Rules that are checked at the commit.

use super::facts::pay;
use super::{acc, current, with_rejects};
use crate::rights::Loader;

#[test]
fn a_deferred_constraint_of_others_is_no_matter() {
    let warehouse = acc("n integer constraint small check (n < 9)", "");
    warehouse.execute(
        "create schema secret;
         create table secret.other (n integer unique deferrable initially deferred)",
    );
    let loader = Loader::of(warehouse);

    let file = "code,n\na,1\nb,9\nc,3\n";
    with_rejects(loader.warehouse.load("acc.csv", file));

    assert_eq!(current(&loader.warehouse, "n"), "a | 1\nc | 3\n");
}

#[test]
fn a_deferred_constraint_keeps_a_held_fact_held() {
    let warehouse = pay("amount integer");
    warehouse.execute(
        "create table datawarehouse.known (n integer primary key);
         insert into datawarehouse.known values (1);
         alter table datawarehouse.pay add constraint is_known foreign key (amount)
         references datawarehouse.known deferrable initially deferred",
    );
    let file = "pay_id,code,amount\n1,zoe,500\n2,zoe,1\n3,zoe,600\n";
    warehouse.load("pay.csv", file).exits(0);
    warehouse.write("acc-2.csv", "code,tier\nzoe,tin\n");
    warehouse.run(&["plan", "acc-2.csv"]).exits(0);

    warehouse.run(&["load", "acc-2.csv"]).exits(0);

    assert_eq!(
        warehouse.query("select pay_id, amount from datawarehouse.pay"),
        "2 | 1\n"
    );
    let reasons = warehouse.query("select distinct reason from hayloft.held_fact");
    assert!(reasons.contains("`is_known`"), "{reasons}");
}
