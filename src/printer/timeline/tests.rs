//! What histories look like. The drawings are kept as they are printed to a file or, where a width
//! is given, to a terminal of that width.

use chrono::{DateTime, Utc};
use expect_test::{Expect, expect};

use super::line::{Line, Weight};
use super::{View, lines};
use crate::contract::Role;
use crate::history::why::said::fixtures::{
    absent, columns, instant, origin, present, saying, silence, undone, version,
};
use crate::history::why::said::judge;
use crate::history::why::{Answer, Depth, FactRow, Observation, Shown, Version};

fn answer(versions: Vec<Version>, observations: Vec<Observation>) -> Answer {
    let columns = columns(Role::Type2);
    let shown = Shown::Versions(versions);
    Answer {
        table: "users".into(),
        durable_column: Some("user_id".into()),
        durable_key: uuid::Uuid::from_u64_pair(7, 7),
        asked: Vec::new(),
        observations: judge(observations, &shown, &columns),
        columns,
        shown,
    }
}

/// Three versions with a gap before the last, and everything that can become of an observation.
fn eventful() -> Answer {
    let mut third = version(3, 20, None);
    third.values = vec![
        Some("ann@x.org".into()),
        Some("Ann2".into()),
        Some(String::new()),
    ];
    answer(
        vec![version(1, 5, Some(8)), version(2, 8, Some(12)), third],
        vec![
            silence(90, 1),
            silence(91, 2),
            silence(92, 3),
            present(1, 5),
            present(40, 6),
            saying(
                undone(present(41, 7)),
                &[("name", Some("Nan")), ("phone", None)],
            ),
            saying(present(2, 8), &[("name", Some("An"))]),
            present(7, 8),
            silence(5, 12),
            absent(6, 13),
            present(3, 20),
        ],
    )
}

fn drawn(answer: &Answer, view: View) -> String {
    let lines = lines(answer, &view);
    for line in &lines {
        assert!(
            line.length() <= view.width.unwrap_or(usize::MAX),
            "{line:?}"
        );
    }
    lines.iter().map(|line| line.text() + "\n").collect()
}

const VERSIONS: View = View {
    at: None,
    depth: Depth::Versions,
    now: DateTime::<Utc>::UNIX_EPOCH,
    width: None,
};

fn view(depth: Depth) -> View {
    View {
        depth,
        now: instant(40),
        ..VERSIONS
    }
}

#[test]
fn versions_stand_one_below_the_other_with_what_changed() {
    let answer = eventful();
    expect![[r#"
        users  email    ann@x.org
               user_id  00000000-0000-0007-0000-000000000007

          ├─── 1 ────┼──── 2 ────┤···············┝━━━━━━━━━━━━━━━━ 3 ━━━━━━━━━━━━━━━━▶
          2026-01-05             2026-01-12      2026-01-20                        now

        ┌ version 1  2026-01-05 → 2026-01-08  3 days
        │   name   Ann1
        │   phone  ∅
        │   load 1, line 2 of users-1.csv, loaded 2026-01-02
        │
        ├ version 2  2026-01-08 → 2026-01-12  4 days
        │   name   Ann1 → Ann2
        │   as before: phone ∅
        │   load 2, line 2 of users-2.csv, loaded 2026-01-03
        └ 2026-01-12  ended by load 5, users-5.csv, a snapshot without the key

          not there for 8 days

        ┌ version 3  2026-01-20 → now  current
        │   phone  ∅ → ""
        │   as before: name Ann2
        │   load 3, line 2 of users-3.csv, loaded 2026-01-04
        ▼
    "#]]
    .assert_eq(&drawn(&answer, view(Depth::Versions)));
}

#[test]
fn observations_stand_in_time_order_between_the_versions() {
    expect![[r#"
        users  email    ann@x.org
               user_id  00000000-0000-0007-0000-000000000007

          ├─── 1 ────┼──── 2 ────┤···············┝━━━━━━━━━━━━━━━━ 3 ━━━━━━━━━━━━━━━━▶
          2026-01-05             2026-01-12      2026-01-20                        now

          · 2026-01-01 … 2026-01-03  said absent, 3 times  loads 90 to 92, snapshots without the key

        ┌ version 1  2026-01-05 → 2026-01-08  3 days
        │   name   Ann1
        │   phone  ∅
        │ · 2026-01-05  opened version 1  load 1, line 2 of users-1.csv
        │ · 2026-01-06  confirmed         load 40, line 2 of users-40.csv
        │ · 2026-01-07  undone            load 41, line 2 of users-41.csv
        │     name Nan · phone ∅
        │
        ├ version 2  2026-01-08 → 2026-01-12  4 days
        │   name   Ann1 → Ann2
        │   as before: phone ∅
        │ · 2026-01-08  lost to load 7 line 2  load 2, line 2 of users-2.csv
        │     name An · phone ∅
        │ · 2026-01-08  opened version 2       load 7, line 2 of users-7.csv
        └ 2026-01-12  ended by load 5, users-5.csv, a snapshot without the key

          · 2026-01-12  closed version 2  load 5, users-5.csv, a snapshot without the key
          · 2026-01-13  said absent       load 6, line 2 of users-6.csv
          not there for 8 days

        ┌ version 3  2026-01-20 → now  current
        │   phone  ∅ → ""
        │   as before: name Ann2
        │ · 2026-01-20  opened version 3  load 3, line 2 of users-3.csv
        ▼
    "#]]
    .assert_eq(&drawn(&eventful(), view(Depth::Observations)));
}

#[test]
fn an_instant_has_one_version_or_the_reason_why_it_has_none() {
    let answer = eventful();
    let check = |day, depth, expected: &Expect| {
        let view = View {
            at: Some(instant(day)),
            ..view(depth)
        };
        expected.assert_eq(&drawn(&answer, view));
    };
    check(
        10,
        Depth::Versions,
        &expect![[r"
            users  email    ann@x.org
                   user_id  00000000-0000-0007-0000-000000000007

                               ▼
              ├─── 1 ────┼──── 2 ────┤···············┝━━━━━━━━━━━━━━━━ 3 ━━━━━━━━━━━━━━━━▶
              2026-01-05             2026-01-12      2026-01-20                        now

            At 2026-01-10: version 2.
            Load 2, line 2 of users-2.csv said so as of 2026-01-08.
            It holds until 2026-01-12.

            ┌ version 2  2026-01-08 → 2026-01-12  4 days
            │   name   Ann1 → Ann2
            │   phone  ∅
            │   load 2, line 2 of users-2.csv, loaded 2026-01-03
        "]],
    );
    check(
        2,
        Depth::Versions,
        &expect![[r"
            users  email    ann@x.org
                   user_id  00000000-0000-0007-0000-000000000007

              ├─── 1 ────┼──── 2 ────┤···············┝━━━━━━━━━━━━━━━━ 3 ━━━━━━━━━━━━━━━━▶
              2026-01-05             2026-01-12      2026-01-20                        now

            Not there at 2026-01-02: before the first version.
            Version 1 begins at 2026-01-05.
        "]],
    );
    check(
        15,
        Depth::Observations,
        &expect![[r"
            users  email    ann@x.org
                   user_id  00000000-0000-0007-0000-000000000007

                                           ▼
              ├─── 1 ────┼──── 2 ────┤···············┝━━━━━━━━━━━━━━━━ 3 ━━━━━━━━━━━━━━━━▶
              2026-01-05             2026-01-12      2026-01-20                        now

            Not there at 2026-01-15: between versions 2 and 3.
            Version 2, at 2026-01-12, ended by load 5, users-5.csv, a snapshot without the key.
            Version 3 begins at 2026-01-20.

              · 2026-01-12  closed version 2  load 5, users-5.csv, a snapshot without the key
              · 2026-01-13  said absent       load 6, line 2 of users-6.csv
        "]],
    );
}

#[test]
fn a_key_that_is_gone_and_one_that_only_the_ledger_knows() {
    let gone = answer(
        vec![version(1, 5, Some(8))],
        vec![present(1, 5), absent(2, 8)],
    );
    expect![[r"
        users  email    ann@x.org
               user_id  00000000-0000-0007-0000-000000000007

          ├──── 1 ────┤······························································
          2026-01-05  2026-01-08                                                   now

        ┌ version 1  2026-01-05 → 2026-01-08  3 days
        │   name   Ann1
        │   phone  ∅
        │   load 1, line 2 of users-1.csv, loaded 2026-01-02
        └ 2026-01-08  ended by load 2, line 2 of users-2.csv

          not there since then
    "]]
    .assert_eq(&drawn(&gone, view(Depth::Versions)));
    let never = answer(Vec::new(), vec![absent(2, 8)]);
    expect![[r"
        users  user_id  00000000-0000-0007-0000-000000000007

        It has no version. This was said of it:

          · 2026-01-08  said absent  load 2, line 2 of users-2.csv
    "]]
    .assert_eq(&drawn(&never, view(Depth::Observations)));
}

#[test]
fn a_narrow_terminal_cuts_long_values_and_keeps_both_sides_of_a_change_in_sight() {
    let mut before = version(1, 5, Some(8));
    before.values[1] = Some("x".repeat(80));
    let mut after = version(2, 8, None);
    after.values[1] = Some("Ann\n\u{1b}[2J".into());
    let view = View {
        width: Some(50),
        ..view(Depth::Versions)
    };
    expect![[r"
        users  email    ann@x.org
               user_id  00000000-0000-0007-0000-000000000…

          ├── 1 ───┾━━━━━━━━━━━━━━━━ 2 ━━━━━━━━━━━━━━━━▶
          2026-01-05                                 now

        ┌ version 1  2026-01-05 → 2026-01-08  3 days
        │   name   xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        │   phone  ∅
        │   load 1, line 2 of users-1.csv, loaded 2026-01…
        │
        ├ version 2  2026-01-08 → now  current
        │   name   xxxxxxxxxx…xxxxxxxxxxx → Ann\n\u{1b}[2J
        │   as before: phone ∅
        │   load 2, line 2 of users-2.csv, loaded 2026-01…
        ▼
    "]]
    .assert_eq(&drawn(&answer(vec![before, after], Vec::new()), view));
}

#[test]
fn who_said_it_has_a_line_of_its_own_where_there_is_no_room() {
    let observations = vec![present(1, 5), present(2, 6)];
    let view = View {
        width: Some(44),
        ..view(Depth::Observations)
    };
    expect![[r"
        users  email    ann@x.org
               user_id  00000000-0000-0007-0000-000…

          ┝━━━━━━━━━━━━━━━━━ 1 ━━━━━━━━━━━━━━━━━━▶
          2026-01-05                           now

        ┌ version 1  2026-01-05 → now  current
        │   name   Ann1
        │   phone  ∅
        │ · 2026-01-05  opened version 1
        │     load 1, line 2 of users-1.csv
        │ · 2026-01-06  confirmed       
        │     load 2, line 2 of users-2.csv
        ▼
    "]]
    .assert_eq(&drawn(
        &answer(vec![version(1, 5, None)], observations),
        view,
    ));
}

#[test]
fn versions_that_overlap_are_not_drawn_as_if_they_did_not() {
    let damaged = answer(
        vec![version(1, 5, Some(9)), version(2, 8, None)],
        Vec::new(),
    );
    expect![[r"
        users  email    ann@x.org
               user_id  00000000-0000-0007-0000-000000000007

          ├──── 1 ─────┾━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 2 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━▶
          2026-01-05   2026-01-08                                                  now

        ┌ version 1  2026-01-05 → 2026-01-09  4 days
        │   name   Ann1
        │   phone  ∅
        │   load 1, line 2 of users-1.csv, loaded 2026-01-02
        │ overlaps the next one: somebody changed the table
        ┌ version 2  2026-01-08 → now  current
        │   name   Ann1 → Ann2
        │   as before: phone ∅
        │   load 2, line 2 of users-2.csv, loaded 2026-01-03
        ▼
    "]]
    .assert_eq(&drawn(&damaged, view(Depth::Versions)));
}

#[test]
fn what_changed_stands_out_and_what_did_not_stands_back() {
    let answer = answer(
        vec![version(1, 5, Some(8)), version(2, 8, None)],
        Vec::new(),
    );
    let lines = lines(&answer, &view(Depth::Versions));
    let with = |weight| {
        let spans = lines.iter().flat_map(Line::spans);
        let texts = spans.filter(move |span| span.weight == weight);
        texts.map(|span| span.text.as_str()).collect::<Vec<_>>()
    };
    assert!(with(Weight::Strong).contains(&"Ann2"));
    assert!(with(Weight::Faint).contains(&"as before: phone ∅"));
}

#[test]
fn a_fact_has_one_row_and_no_axis() {
    let fact = FactRow {
        values: vec![Some("7".into()), Some("1.50".into()), None],
        misfits: std::collections::BTreeSet::new(),
        created_at: Some(instant(5)),
        updated_at: Some(instant(9)),
        origin: origin(2, Some(3)),
    };
    let fact_of = |shown: Shown| {
        let columns = columns(Role::Type2);
        Answer {
            durable_column: None,
            observations: judge(vec![present(1, 5), present(2, 9)], &shown, &columns),
            shown,
            ..answer(Vec::new(), Vec::new())
        }
    };
    let there = fact_of(Shown::Fact(Some(fact.clone())));
    expect![[r"
        users  email  7

        │   name   1.50
        │   phone  ∅
        │   stored 2026-01-05, changed 2026-01-09
        │   load 2, line 3 of users-2.csv, loaded 2026-01-03
        │ · 2026-01-05  superseded by load 2 line 3  load 1, line 2 of users-1.csv
        │ · 2026-01-09  wrote the row                load 2, line 2 of users-2.csv
    "]]
    .assert_eq(&drawn(&there, view(Depth::Observations)));
    let held = fact_of(Shown::Held(fact, vec!["users".into()]));
    expect![[r"
        users  email  7

        Not in the table yet: it waits for a member of users.
        │   name   1.50
        │   phone  ∅
        │   stored 2026-01-05, changed 2026-01-09
        │   load 2, line 3 of users-2.csv, loaded 2026-01-03
    "]]
    .assert_eq(&drawn(&held, view(Depth::Versions)));
}

#[test]
fn a_fact_that_is_not_in_the_table_is_headed_by_the_key_that_was_asked_for() {
    let shown = Shown::Fact(None);
    let columns = columns(Role::Type2);
    let gone = Answer {
        durable_column: None,
        asked: vec![("email".into(), "7".into())],
        observations: judge(vec![undone(present(1, 5))], &shown, &columns),
        shown,
        ..answer(Vec::new(), Vec::new())
    };
    expect![[r"
        users  email  7

        Not in the table. This was said of it:
        │ · 2026-01-05  undone  load 1, line 2 of users-1.csv
    "]]
    .assert_eq(&drawn(&gone, view(Depth::Observations)));
}
