//! Migrations are compiled in. Cargo sees an edited file by itself; a new folder only by this.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
