//! The settings of history: what is taken, and the sentence for what is not.

use chrono::TimeDelta;

use super::*;
use crate::contract::file::{At, EffectiveEntry, HistoryEntry, ModeEntry};
use crate::contract::{Deletes, Late, Role};

/// A feed that lacks its op.
const FEED: &str = "mode = \"feed\"\neffective = { column = \"at\" }\n";

/// The history of the one table, which is a dimension.
fn history(lines: &str) -> HistoryEntry {
    match parse(&users(lines)).unwrap().tables.remove(0).kind {
        KindEntry::Dimension { history, .. } => history,
        KindEntry::Fact { .. } => panic!("a dimension"),
    }
}

#[test]
fn a_table_of_which_nothing_is_said_learns_of_changes_when_they_are_loaded() {
    let history = history("");
    assert_eq!(history.mode, ModeEntry::Incremental);
    assert_eq!(history.effective, EffectiveEntry::LoadTime);
    assert_eq!(history.sequence, []);
    assert_eq!(history.deletes, Deletes::Ignore);
    assert_eq!(history.late, Late::Fix);
    assert_eq!(history.horizon, None);
    assert_eq!(history.max_future, TimeDelta::days(1));
}

#[test]
fn a_feed_says_what_was_done_and_when() {
    let history = history(
        r#"mode = "feed"
           op = "what"
           effective = { column = "changed_at", format = "%d/%m/%Y", zone = "Europe/Berlin" }
           sequence = ["lsn", "position"]
           late = "reject"
           horizon = "90d"
           max_future = "30m"
        "#,
    );
    let at = |line, value: &str| At {
        value: value.to_owned(),
        line,
    };
    assert_eq!(history.mode, ModeEntry::Feed { op: at(5, "what") });
    let effective = EffectiveEntry::Column {
        name: at(6, "changed_at"),
        format: Some(at(6, "%d/%m/%Y")),
        zone: Some(chrono_tz::Europe::Berlin),
    };
    assert_eq!(history.effective, effective);
    assert_eq!(history.sequence, [at(7, "lsn"), at(7, "position")]);
    assert_eq!(history.deletes, Deletes::Close);
    assert_eq!(history.late, Late::Reject);
    assert_eq!(history.horizon, Some(TimeDelta::days(90)));
    assert_eq!(history.max_future, TimeDelta::minutes(30));
}

#[test]
fn a_snapshot_closes_unless_it_says_otherwise() {
    let by_name = history("mode = \"snapshot\"\neffective = { file_name = \"%Y%m%d\" }");
    assert_eq!(by_name.mode, ModeEntry::Snapshot);
    assert!(matches!(
        by_name.effective,
        EffectiveEntry::FileName { pattern, zone: None } if pattern.value == "%Y%m%d"
    ));
    assert_eq!(by_name.deletes, Deletes::Close);
    let beside = history("mode = \"snapshot\"\neffective = \"sidecar\"\ndeletes = \"ignore\"");
    assert_eq!(beside.effective, EffectiveEntry::Sidecar);
    assert_eq!(beside.deletes, Deletes::Ignore);
}

#[test]
fn guards_roles_and_new_columns_are_taken_as_they_are_said() {
    let text = users(
        r#"guards = { min_rows = 10, max_close_rows = 100, max_close_fraction = 0.5 }
           on_new_column = "version"
           [tables.users.columns]
           phone = { role = "type1" }
           born = { role = "type0" }
           name = { role = "type2" }
        "#,
    );
    let file = parse(&text).unwrap();
    let users = &file.tables[0];
    assert_eq!(users.guards.min_rows, 10);
    assert_eq!(users.guards.max_close_rows, Some(100));
    assert!((users.guards.max_close_fraction - 0.5).abs() < f64::EPSILON);
    assert_eq!(users.unknown_columns, UnknownColumns::Version);
    let roles: Vec<_> = users
        .columns
        .iter()
        .map(|column| column.role.as_ref().unwrap().value)
        .collect();
    assert_eq!(roles, [Role::Type1, Role::Type0, Role::Type2]);
}

#[test]
fn a_mode_has_the_settings_that_it_needs_and_no_others() {
    let texts = [
        users("mode = \"full\""),
        users("mode = \"feed\""),
        users("effective = { column = \"at\" }\nmode = \"feed\""),
        users("op = \"op\"\neffective = \"load_time\"\nmode = \"feed\""),
        users("mode = \"feed\"\nop = \"op\"\neffective = \"colum\""),
        users(&format!("{FEED}op = \"op\"\nduplicates = \"first\"")),
        users("op = \"op\""),
        users("mode = \"snapshot\"\nop = \"op\""),
        users("mode = \"snapshot\"\neffective = { column = \"at\" }"),
        users("deletes = \"close\""),
        users("deletes = \"clos\""),
        sales("mode = \"incremental\"\nlate = \"fix\""),
        sales("guards = { max_close_rows = 3 }"),
        sales("on_new_column = \"version\""),
        sales("[tables.sales.columns]\namount = { role = \"type1\" }"),
    ];
    expect![[r#"

        mode = "full"
        hayloft.toml, line 4: tables.users.mode is "full"; it can be "incremental", "snapshot" or "feed".

        mode = "feed"
        hayloft.toml has 2 problems:
          line 4: tables.users.op is missing: the field of a feed that tells what was done. Add a line like op = "op".
          line 4: tables.users.effective must name a field in a feed: each row holds from an instant of its own. Add a line like effective = { column = "changed_at" }.

        mode = "feed"
        hayloft.toml, line 5: tables.users.op is missing: the field of a feed that tells what was done. Add a line like op = "op".

        mode = "feed"
        hayloft.toml, line 5: tables.users.effective must name a field in a feed: each row holds from an instant of its own. Add a line like effective = { column = "changed_at" }.

        effective = "colum"
        hayloft.toml, line 6: tables.users.effective is "colum"; it can be "load_time", "column", "file_name" or "sidecar". Did you mean "column"?

        duplicates = "first"
        hayloft.toml, line 7: tables.users.duplicates can only be "last" in a feed: what was done last stands on the last line. Remove it.

        op = "op"
        hayloft.toml, line 4: tables.users.op is a setting of a feed. Remove it, or write tables.users.mode = "feed".

        op = "op"
        hayloft.toml, line 5: tables.users.op is a setting of a feed. Remove it, or write tables.users.mode = "feed".

        effective = { column = "at" }
        hayloft.toml, line 5: tables.users.effective names a field, and all rows of a snapshot hold from one instant. Take it from the file's name, like { file_name = "%Y-%m-%d" }, or remove the line for the time of the load.

        deletes = "close"
        hayloft.toml, line 4: tables.users.deletes = "close" closes nothing here: no row of an incremental file is a delete. Remove it, or write tables.users.mode = "snapshot" or "feed".

        deletes = "clos"
        hayloft.toml, line 4: tables.users.deletes is "clos"; it can be "close" or "ignore". Did you mean "close"?

        late = "fix"
        hayloft.toml has 2 problems:
          line 4: tables.sales.mode is a setting of a dimension. Remove it, or write tables.sales.kind = "dimension".
          line 5: tables.sales.late is a setting of a dimension. Remove it, or write tables.sales.kind = "dimension".

        guards = { max_close_rows = 3 }
        hayloft.toml, line 4: tables.sales.guards.max_close_rows is a setting of a dimension. Remove it.

        on_new_column = "version"
        hayloft.toml, line 4: tables.sales.on_new_column = "version" is for a dimension, and a fact has no versions. Write "fill_current".

        amount = { role = "type1" }
        hayloft.toml, line 5: tables.sales.columns.amount.role is a setting of a dimension. Remove it.
    "#]].assert_eq(&told(&texts));
}

#[test]
fn an_instant_says_where_it_is_from() {
    let texts = [
        users("effective = \"column\""),
        users("effective = \"file_name\""),
        users("effective = { }"),
        users("effective = { column = \"at\", file_name = \"%Y\" }"),
        users("effective = { file_name = \"%Y-%m-%d\", format = \"%Y\" }"),
        users("effective = { column = \"at\", colour = 1 }"),
        users("effective = 3"),
    ];
    expect![[r#"

        effective = "column"
        hayloft.toml, line 4: tables.users.effective does not say which. Write effective = { column = "changed_at" }.

        effective = "file_name"
        hayloft.toml, line 4: tables.users.effective does not say which. Write effective = { file_name = "%Y-%m-%d" }.

        effective = { }
        hayloft.toml, line 4: tables.users.effective must have one of column and file_name. Write { column = "changed_at" } or { file_name = "%Y-%m-%d" }.

        effective = { column = "at", file_name = "%Y" }
        hayloft.toml, line 4: tables.users.effective must have one of column and file_name. Write { column = "changed_at" } or { file_name = "%Y-%m-%d" }.

        effective = { file_name = "%Y-%m-%d", format = "%Y" }
        hayloft.toml, line 4: tables.users.effective.format is not a setting. There is: column, file_name, zone.

        effective = { column = "at", colour = 1 }
        hayloft.toml, line 4: tables.users.effective.colour is not a setting. There is: column, file_name, zone, format, role.

        effective = 3
        hayloft.toml, line 4: tables.users.effective must be a text in quotation marks.
    "#]].assert_eq(&told(&texts));
}

#[test]
fn a_field_means_one_thing() {
    let texts = [
        users("sequence = \"lsn\""),
        users("sequence = []"),
        users("sequence = [\"lsn\", \"\", \"LSN\"]"),
        users(&format!("{FEED}op = \"At\"\nsequence = [\"at\"]")),
    ];
    expect![[r#"

        sequence = "lsn"
        hayloft.toml, line 4: tables.users.sequence must be a list of texts in square brackets.

        sequence = []
        hayloft.toml, line 4: tables.users.sequence names no field. Name at least one, or remove the line.

        sequence = ["lsn", "", "LSN"]
        hayloft.toml has 2 problems:
          line 4: tables.users.sequence has an empty name. Remove it.
          line 4: tables.users.sequence names "LSN" twice. Remove one.

        sequence = ["at"]
        hayloft.toml has 2 problems:
          line 5: tables.users.effective names "at", and so does tables.users.op. Remove one.
          line 7: tables.users.sequence names "at", and so does tables.users.op. Remove one.
    "#]].assert_eq(&told(&texts));
}

#[test]
fn limits_of_history_are_lengths_and_counts() {
    let texts = [
        users("horizon = \"0d\""),
        users("horizon = \"90 days\""),
        users("max_future = \"400000d\""),
        users("max_future = 3"),
        users("guards = { min_rows = 0, max_close_fraction = 2 }"),
        users("[tables.users.columns]\nname = { role = \"type3\" }"),
    ];
    expect![[r#"

        horizon = "0d"
        hayloft.toml, line 4: tables.users.horizon is 0, which would refuse every row. Write one like "90d".

        horizon = "90 days"
        hayloft.toml, line 4: tables.users.horizon must be a length of time such as "30m", "12h" or "90d", and of at most 365000d.

        max_future = "400000d"
        hayloft.toml, line 4: tables.users.max_future must be a length of time such as "30m", "12h" or "90d", and of at most 365000d.

        max_future = 3
        hayloft.toml, line 4: tables.users.max_future must be a length of time such as "30m", "12h" or "90d", and of at most 365000d.

        guards = { min_rows = 0, max_close_fraction = 2 }
        hayloft.toml has 2 problems:
          line 4: tables.users.guards.min_rows must be a whole number from 1.
          line 4: tables.users.guards.max_close_fraction must be a number from 0.0 to 1.0.

        name = { role = "type3" }
        hayloft.toml, line 5: tables.users.columns.name.role is "type3"; it can be "type2", "type1" or "type0". Did you mean "type0"?
    "#]].assert_eq(&told(&texts));
}

#[test]
fn what_is_not_available_yet_is_refused_as_that() {
    let texts = [
        users("effective = \"mtime\""),
        users("effective = { mtime = true }"),
        users("effective = { column = \"changed_at\", role = \"hint\" }"),
        users("deletes = \"tombstone_row\""),
        users("late = \"arrival\""),
        users("scope = { partition = [\"region\"] }"),
        users("null_means = \"ignore\"\nprevious_key = [\"old_email\"]"),
    ];
    expect![[r#"

        effective = "mtime"
        hayloft.toml, line 4: tables.users.effective = "mtime" is not available yet; it can be "load_time", "column", "file_name" or "sidecar".

        effective = { mtime = true }
        hayloft.toml, line 4: tables.users.effective.mtime is not available yet. Remove it.

        effective = { column = "changed_at", role = "hint" }
        hayloft.toml, line 4: tables.users.effective.role = "hint" is not available yet; it can be "exact".

        deletes = "tombstone_row"
        hayloft.toml, line 4: tables.users.deletes = "tombstone_row" is not available yet; it can be "close" or "ignore".

        late = "arrival"
        hayloft.toml, line 4: tables.users.late = "arrival" is not available yet; it can be "fix" or "reject".

        scope = { partition = ["region"] }
        hayloft.toml, line 4: tables.users.scope is not available yet. Remove it.

        previous_key = ["old_email"]
        hayloft.toml has 2 problems:
          line 4: tables.users.null_means is not available yet. Remove it.
          line 5: tables.users.previous_key is not available yet. Remove it.
    "#]].assert_eq(&told(&texts));
}
