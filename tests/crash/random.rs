//! Kills at moments that nobody chose.

use std::thread;
use std::time::Duration;

use crate::scenario::{assert_sound, state, wait_until_empty};
use crate::support::{HAYLOFT_TOML, Warehouse};

/// How often the program is killed before it is left alone.
const KILLS: u64 = 12;

/// The longest that a run lives, in milliseconds; a run that nobody disturbs takes about as long.
const LONGEST: u64 = 600;

#[test]
fn killed_again_and_again_at_random_moments_it_loads_every_file_once_and_in_order() {
    let undisturbed = warehouse();
    run_to_the_end(&undisturbed);

    let seed = std::env::var("HAYLOFT_CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("HAYLOFT_CRASH_SEED={seed}");
    let disturbed = warehouse();
    for kill in 1..=KILLS {
        let watch = disturbed.start_watch();
        // The time to live is what is tried out; nothing is waited for.
        thread::sleep(Duration::from_millis(mixed(seed, kill) % LONGEST));
        watch.signal("KILL");
        watch.ended();
    }
    run_to_the_end(&disturbed);

    assert_sound(&undisturbed);
    assert_sound(&disturbed);
    assert_eq!(state(&disturbed), state(&undisturbed));
}

/// Ten files about people who change from file to file, and four of facts that change as well, some
/// of whom nobody knows.
fn warehouse() -> Warehouse {
    let quick = "\n[watch]\nsettle = \"10ms\"\nsweep = \"100ms\"\n";
    let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{quick}"));
    for file in 0..10 {
        let rows = (0..200).map(|person| {
            let name = (person + file) / (1 + person % 5);
            format!("p{person}@x.org,Name {name},01/02/1990\n")
        });
        let text = format!("email,name,date_of_birth\n{}", rows.collect::<String>());
        warehouse.drop_file(&format!("users-{file}.csv"), text);
    }
    for file in 0..4 {
        let rows = (0..200).map(|fact| {
            let person = fact * 2 % 230;
            format!(
                "{fact},p{person}@x.org,{}.50,01/02/2024\n",
                fact % (2 + file)
            )
        });
        let text = format!(
            "id,email,amount,transaction_date\n{}",
            rows.collect::<String>()
        );
        warehouse.drop_file(&format!("transactions-{file}.csv"), text);
    }
    warehouse
}

fn run_to_the_end(warehouse: &Warehouse) {
    let watch = warehouse.watch();
    wait_until_empty(warehouse);
    assert_eq!(watch.stop(), 0);
}

/// A number that looks random, the same for the same seed and turn (splitmix64).
fn mixed(seed: u64, turn: u64) -> u64 {
    let mut mixed = seed.wrapping_add(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
