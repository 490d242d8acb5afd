//! COPY into a table and out of a query that are known only at run time. Diesel does not promise
//! what this is built on.

use diesel::connection::SimpleConnection as _;
use hayloft::contract::Ident;
use hayloft::db::copy::{CopyError, Target, copy_binary, read_binary};
use hayloft::wire;

use crate::support::Warehouse;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("name {number}")).collect()
}

fn put(conn: &mut diesel::PgConnection, names: &[String]) -> usize {
    conn.batch_execute("create temporary table odd_one (\"na\"\"me\" text)")
        .unwrap();
    let target = Target {
        schema: Ident::vouched("pg_temp"),
        table: Ident::vouched("odd_one"),
        columns: vec![Ident::vouched("na\"me")],
    };
    copy_binary(conn, &target, |sink| {
        sink.write_all(wire::HEADER)?;
        for name in names {
            let mut tuple = Vec::new();
            wire::put_tuple(&mut tuple, 1)?;
            wire::put_bytes(&mut tuple, name.as_bytes());
            sink.write_all(&tuple)?;
        }
        sink.write_all(wire::TRAILER)
    })
    .unwrap()
}

#[test]
fn what_is_copied_into_a_table_comes_out_of_it_row_by_row() {
    let warehouse = Warehouse::new();
    let mut conn = warehouse.connection();
    let names = names(1000);
    assert_eq!(put(&mut conn, &names), 1000);

    let mut seen = Vec::new();
    read_binary(&mut conn, "select * from pg_temp.odd_one", |mut fields| {
        let field = wire::next_field(&mut fields).unwrap();
        assert!(fields.is_empty(), "one field");
        seen.push(String::from_utf8(field[4..].to_vec()).unwrap());
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, names);
}

#[test]
fn a_query_without_rows_shows_none_and_the_connection_goes_on() {
    let warehouse = Warehouse::new();
    let mut conn = warehouse.connection();
    put(&mut conn, &[]);
    read_binary(&mut conn, "select * from pg_temp.odd_one", |_| {
        panic!("no row")
    })
    .unwrap();
    conn.batch_execute("select 1").unwrap();
}

#[test]
fn whoever_stops_listening_ends_the_copy_and_the_connection_goes_on() {
    let warehouse = Warehouse::new();
    let mut conn = warehouse.connection();
    put(&mut conn, &names(100_000));
    let mut rows = 0;
    let stopped = read_binary(&mut conn, "select * from pg_temp.odd_one", |_| {
        rows += 1;
        if rows == 3 {
            return Err(CopyError::Rows(std::io::Error::other("enough")));
        }
        Ok(())
    });
    assert!(matches!(stopped, Err(CopyError::Rows(_))));
    assert_eq!(rows, 3);
    conn.batch_execute("select 1").unwrap();
}

#[test]
fn rows_that_the_server_breaks_off_are_an_error() {
    let warehouse = Warehouse::new();
    let mut conn = warehouse.connection();
    let late = "select 1 / (1000 - number) from generate_series(1, 2000) as number";
    let mut rows = 0;
    let failed = read_binary(&mut conn, late, |_| {
        rows += 1;
        Ok(())
    });
    let said = failed.unwrap_err().to_string();
    assert!(said.contains("broke off"), "{said}");
    assert_eq!(rows, 999);
    conn.batch_execute("select 1").unwrap();
}
