//! Which keys a typed text stands for.

use uuid::Uuid;

use super::{KeyFault, canonical, read};
use crate::contract::ColumnType;
use crate::merge::sql::tests::contract;
use crate::stage::key::KeyScheme;

fn keys(table: &str, typed: &[&str]) -> Result<Vec<Uuid>, KeyFault> {
    let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
    let candidates = read(&contract(table), &KeyScheme::plain(), &typed)?;
    Ok(candidates.iter().map(|candidate| candidate.key).collect())
}

#[test]
fn an_address_leads_to_the_same_key_as_in_a_file_however_it_is_spelled() {
    let expected = vec![KeyScheme::plain().durable_key(&["ann@x.org"])];
    assert_eq!(keys("users", &["ann@x.org"]), Ok(expected.clone()));
    assert_eq!(keys("users", &[" Ann@X.org "]), Ok(expected));
}

#[test]
fn the_secret_makes_other_keys() {
    let typed = ["ann@x.org".to_owned()];
    let secret = KeyScheme::with_secret(b"0123456789abcdef");
    let keyed = read(&contract("users"), &secret, &typed).unwrap();
    assert_eq!(keyed[0].key, secret.durable_key(&["ann@x.org"]));
}

#[test]
fn a_uuid_is_the_durable_key_or_whatever_a_natural_key_that_looks_like_one_leads_to() {
    let text = "d0a7f2b4-6f0e-8c1d-9a52-0123456789ab";
    let uuid: Uuid = text.parse().unwrap();
    assert_eq!(keys("users", &[text]), Ok(vec![uuid]));
    assert_eq!(keys("stations", &[text]), Ok(vec![uuid]));
    let mut skus = contract("users");
    skus.columns[skus.key[0]].column_type = ColumnType::Uuid;
    skus.columns[skus.key[0]].spelling.canonical = crate::contract::Canonical::Verbatim;
    let both = read(&skus, &KeyScheme::plain(), &[text.to_owned()]).unwrap();
    let natural = KeyScheme::plain().durable_key(&[text]);
    assert_eq!([both[0].key, both[1].key], [uuid, natural]);
}

#[test]
fn the_parts_of_a_key_are_given_in_the_order_of_the_contract() {
    let expected = KeyScheme::plain().durable_key(&["CH", "7"]);
    assert_eq!(keys("stations", &["CH", "007"]), Ok(vec![expected]));
    let sentence = keys("stations", &["CH"]).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "The key of `stations` is `country`, `number`: give 2 values in this order, each as an \
         argument of its own; or its UUID."
    );
    assert!(keys("transactions", &["1", "2"]).is_err());
}

#[test]
fn what_is_no_key_is_refused_without_being_repeated() {
    for (table, typed) in [("users", "ann@@secret"), ("transactions", "secret")] {
        let sentence = keys(table, &[typed]).unwrap_err().to_string();
        assert!(!sentence.contains("secret"), "{sentence}");
        assert!(sentence.contains("cannot be a key"), "{sentence}");
    }
}

#[test]
fn a_date_may_be_spelled_as_in_the_files_or_as_iso_does() {
    let users = contract("users");
    let mut columns = users.columns.iter();
    let born = columns
        .find(|column| column.name.name() == "date_of_birth")
        .unwrap();
    assert_eq!(canonical(born, "01/02/1990").unwrap(), "1990-02-01");
    assert_eq!(canonical(born, "1990-02-01").unwrap(), "1990-02-01");
    assert!(
        canonical(born, "1990/02/01")
            .unwrap_err()
            .contains("%d/%m/%Y")
    );
}

#[test]
fn a_fact_s_key_that_names_a_member_takes_the_member_s_own_key() {
    let mut facts = contract("transactions");
    let mut columns = facts.columns.iter();
    facts.key = vec![
        columns
            .position(|column| column.name.name() == "user_id")
            .unwrap(),
    ];
    let scheme = KeyScheme::plain();
    let member = scheme.durable_key(&["ann@x.org"]).hyphenated().to_string();
    let expected = scheme.durable_key(&[&member]);
    for typed in ["Ann@X.org", &member] {
        let read = read(&facts, &scheme, &[typed.to_owned()]).unwrap();
        assert_eq!(read[0].key, expected, "{typed}");
    }
}
