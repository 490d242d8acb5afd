//! What can be wrong, in words.

use serde::{Serialize, Serializer};

use crate::contract::{Contract, Kind};

/// What can be wrong with a table or with what the ledger says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A version ends when it starts, or before.
    EndsBeforeItStarts,
    /// A key has several open versions.
    SeveralOpen,
    /// Two versions of a key start together.
    StartTogether,
    /// A closed version starts before an earlier one ends.
    Overlap,
    /// The open version starts before a closed one ends.
    OpenStartsEarly,
    /// A version says what the one before it said, and begins where that ends.
    SaysTheSame,
    /// The versions of a key are not numbered from 1 in order of time.
    Misnumbered,
    /// A column that has one value for all versions of a key has several.
    SharedValueDiffers,
    /// A version is of a load that is not in the ledger, or does not count.
    OfNoLoad,
    /// A version does not begin at the instant at which its load spoke of the key.
    NotOfItsInstant,
    /// A fact's key is there more than once.
    FactRepeated,
    /// A fact is of a load that is not in the ledger, or does not count.
    FactOfNoLoad,
    /// A fact names a member that is not there.
    FactWithoutMember,
    /// A held fact waits for a member that is there.
    HeldForMemberThere,
    /// A held fact waits for nobody.
    HeldForNothing,
    /// The rows of a load are not those that were accepted, rejected and duplicates.
    RowsDoNotAddUp,
    /// The accepted rows of a load are not those that did something.
    KeysDoNotAddUp,
    /// A load's list of keys does not have one for each row that was used.
    ManifestIncomplete,
    /// A load's list of keys is not in its order.
    ManifestUnsorted,
    /// A load whose rows have instants of their own does not have one for each row that was used.
    ObservationsIncomplete,
    /// A load spoke of an instant that does not lie between its first and its last.
    InstantsOutOfBounds,
    /// What a row said is kept, and there is no such row.
    PayloadOfNoRow,
    /// A load has another number of rejected rows than are kept.
    RejectsMissing,
    /// A load counts although it was undone last, or the other way round.
    StatusAgainstTurns,
    /// A load began and never ended.
    LoadWithoutEnd,
}

impl Fault {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 25] = [
        Self::EndsBeforeItStarts,
        Self::SeveralOpen,
        Self::StartTogether,
        Self::Overlap,
        Self::OpenStartsEarly,
        Self::SaysTheSame,
        Self::Misnumbered,
        Self::SharedValueDiffers,
        Self::OfNoLoad,
        Self::NotOfItsInstant,
        Self::FactRepeated,
        Self::FactOfNoLoad,
        Self::FactWithoutMember,
        Self::HeldForMemberThere,
        Self::HeldForNothing,
        Self::RowsDoNotAddUp,
        Self::KeysDoNotAddUp,
        Self::ManifestIncomplete,
        Self::ManifestUnsorted,
        Self::ObservationsIncomplete,
        Self::InstantsOutOfBounds,
        Self::PayloadOfNoRow,
        Self::RejectsMissing,
        Self::StatusAgainstTurns,
        Self::LoadWithoutEnd,
    ];

    /// Those that one pass over the versions of a dimension finds.
    pub const OF_VERSIONS: [Self; 10] = [
        Self::EndsBeforeItStarts,
        Self::SeveralOpen,
        Self::StartTogether,
        Self::Overlap,
        Self::OpenStartsEarly,
        Self::SaysTheSame,
        Self::Misnumbered,
        Self::SharedValueDiffers,
        Self::OfNoLoad,
        Self::NotOfItsInstant,
    ];

    /// The word in JSON and in SQL.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::EndsBeforeItStarts => "ends_before_it_starts",
            Self::SeveralOpen => "several_open",
            Self::StartTogether => "start_together",
            Self::Overlap => "overlap",
            Self::OpenStartsEarly => "open_starts_early",
            Self::SaysTheSame => "says_the_same",
            Self::Misnumbered => "misnumbered",
            Self::SharedValueDiffers => "shared_value_differs",
            Self::OfNoLoad => "of_no_load",
            Self::NotOfItsInstant => "not_of_its_instant",
            Self::FactRepeated => "fact_repeated",
            Self::FactOfNoLoad => "fact_of_no_load",
            Self::FactWithoutMember => "fact_without_member",
            Self::HeldForMemberThere => "held_for_member_there",
            Self::HeldForNothing => "held_for_nothing",
            Self::RowsDoNotAddUp => "rows_do_not_add_up",
            Self::KeysDoNotAddUp => "keys_do_not_add_up",
            Self::ManifestIncomplete => "manifest_incomplete",
            Self::ManifestUnsorted => "manifest_unsorted",
            Self::ObservationsIncomplete => "observations_incomplete",
            Self::InstantsOutOfBounds => "instants_out_of_bounds",
            Self::PayloadOfNoRow => "payload_of_no_row",
            Self::RejectsMissing => "rejects_missing",
            Self::StatusAgainstTurns => "status_against_turns",
            Self::LoadWithoutEnd => "load_without_end",
        }
    }

    /// What is wrong, with so many keys, facts or loads.
    #[must_use]
    pub fn sentence(self, count: i64) -> String {
        let what = match self {
            Self::EndsBeforeItStarts => "key(s) have a version that ends when it starts, or before",
            Self::SeveralOpen => "key(s) have several open versions",
            Self::StartTogether => "key(s) have versions that start together",
            Self::Overlap => "key(s) have closed versions that overlap",
            Self::OpenStartsEarly => {
                "key(s) have an open version that starts before a closed one ends"
            }
            Self::SaysTheSame => {
                "key(s) have a version that says what the one right before it said"
            }
            Self::Misnumbered => {
                "key(s) have versions that are not numbered 1, 2, 3 by their start"
            }
            Self::SharedValueDiffers => {
                "key(s) have several values in a column of role type0 or type1"
            }
            Self::OfNoLoad => {
                "key(s) have a version of a load that the ledger does not have as loaded into this \
                 table"
            }
            Self::NotOfItsInstant => {
                "key(s) have a version that does not begin when its load spoke of them"
            }
            Self::FactRepeated => "key(s) are there more than once",
            Self::FactOfNoLoad => {
                "fact(s) are of a load that the ledger does not have as loaded into this table"
            }
            Self::FactWithoutMember => "member(s) that facts name are not in the dimension",
            Self::HeldForMemberThere => "member(s) that held facts wait for are in the dimension",
            Self::HeldForNothing => "held fact(s) wait for nobody",
            Self::RowsDoNotAddUp => {
                "load(s) read another number of rows than were accepted, rejected and duplicate"
            }
            Self::KeysDoNotAddUp => {
                "load(s) accepted another number of rows than did something or are held"
            }
            Self::ManifestIncomplete => {
                "load(s) have a list of keys that does not have one for each accepted row"
            }
            Self::ManifestUnsorted => "load(s) have a list of keys that is not in its order",
            Self::ObservationsIncomplete => {
                "load(s) do not have the instants of the rows that they accepted"
            }
            Self::InstantsOutOfBounds => {
                "load(s) spoke of instants that do not lie between their first and their last"
            }
            Self::PayloadOfNoRow => "value(s) are kept of rows that no load has",
            Self::RejectsMissing => "load(s) rejected another number of rows than are kept",
            Self::StatusAgainstTurns => {
                "load(s) count although they were undone last, or do not although they were not"
            }
            Self::LoadWithoutEnd => "load(s) began and never ended",
        };
        format!("{count} {what}.")
    }

    /// What to do about it.
    #[must_use]
    pub fn mend(self, contract: &Contract) -> String {
        let table = &contract.table;
        let told = format!("{}.{}", table.schema.name(), table.table.name());
        let key = match &contract.kind {
            Kind::Dimension { durable_key, .. } => durable_key.name(),
            Kind::Fact { .. } => "its key",
        };
        match self {
            Self::EndsBeforeItStarts
            | Self::SeveralOpen
            | Self::StartTogether
            | Self::Overlap
            | Self::OpenStartsEarly => format!(
                "Only a change by hand can do this, once the constraints of {told} were dropped. \
                 Look at the versions of these keys (where {key} = …), correct the instants, number \
                 the versions anew, and put the constraints back; or restore the table from a backup."
            ),
            Self::SaysTheSame => format!(
                "Was {told} changed by hand, or a column dropped in which the versions differed? \
                 Give the earlier version the end of the later one, delete the later one, and number \
                 those of the key anew."
            ),
            Self::Misnumbered => format!(
                "Set version_number of {told} to row_number() over (partition by {key} order by \
                 effective_start_date) for these keys."
            ),
            Self::SharedValueDiffers => format!(
                "Was {told} changed by hand? Set the column to one value in all versions of each of \
                 these keys: for type1 that of the latest version, for type0 that of the first."
            ),
            Self::OfNoLoad | Self::FactOfNoLoad => format!(
                "Were rows written to {told} by hand, or taken from the ledger? `hayloft takeover {}` \
                 makes them a load of their own: what no load accounts for cannot be undone or explained, \
                 and no load builds on it.",
                contract.name
            ),
            Self::NotOfItsInstant => format!(
                "Were rows written to {told} by hand, or taken from the ledger? Load them from a \
                 file instead: what no load accounts for cannot be undone or explained."
            ),
            Self::FactRepeated => format!(
                "Delete all but the latest of each in {told}, and put its unique index back."
            ),
            Self::FactWithoutMember => format!(
                "Were members deleted by hand? Load them again, or delete the facts of {told} that \
                 name them."
            ),
            Self::HeldForMemberThere => "Were members written by hand? Load the facts again: they \
                 find their members now."
                .to_owned(),
            Self::HeldForNothing => {
                "Was hayloft.held_reference changed by hand? Load the facts again.".to_owned()
            }
            Self::RowsDoNotAddUp
            | Self::KeysDoNotAddUp
            | Self::ManifestIncomplete
            | Self::ManifestUnsorted
            | Self::ObservationsIncomplete
            | Self::InstantsOutOfBounds
            | Self::PayloadOfNoRow
            | Self::RejectsMissing
            | Self::StatusAgainstTurns => "Was the ledger changed by hand? The table itself may be \
                 sound, but what is undone or comes late is decided by what the ledger says. Restore \
                 it from a backup; if nobody touched it, this is a defect of Hayloft: please report \
                 it."
                .to_owned(),
            Self::LoadWithoutEnd => "Was the ledger changed by hand? Nothing of such a load is in \
                 the table. Delete its row from hayloft.load."
                .to_owned(),
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
