//! What keeps migrations from being applied and a person has to mend.

/// What a person has to mend before anything is migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrationFault {
    /// Somebody else could run statements as this role.
    #[error(
        "The list of applied migrations, public.__diesel_schema_migrations, belongs to {owner}, who could \
         have it do more than it should. Have its owner changed to the role that migrates (alter table \
         public.__diesel_schema_migrations owner to …)."
    )]
    ForeignList {
        /// The other role.
        owner: String,
    },
    /// It is not known what is pending.
    #[error(
        "The role {role} may not read which migrations are applied. Have the owner of the tables run: \
         grant select on public.__diesel_schema_migrations to {role};"
    )]
    ClosedList {
        /// The role.
        role: String,
    },
    /// This role may not migrate.
    #[error(
        "The database lacks migration {names}, and the role {role} may not apply it. Have the role that \
         owns the tables run `hayloft migrate`."
    )]
    NotTheOwner {
        /// What is pending.
        names: String,
        /// The role.
        role: String,
    },
    /// The server refused one.
    #[error("Migration {name} was not {verb}: {reason}.")]
    Failed {
        /// The migration.
        name: String,
        /// What was to be done.
        verb: &'static str,
        /// What the server said, without values.
        reason: String,
    },
}
