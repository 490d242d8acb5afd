//! Two values → both sides of an arrow, no longer than there is room. Each side is shortened for
//! itself, so that the arrow and what differs stay in sight. Pure.

use super::columns::shortened;

/// Between what was and what is.
pub const ARROW: &str = " → ";

/// Of an equal beginning that is left out, so much stays.
const KEPT: usize = 3;

/// The two sides, which with the arrow are no longer than `room`, unless there is none.
#[must_use]
pub fn change(old: &str, new: &str, room: usize) -> (String, String) {
    let room = room.saturating_sub(length(ARROW));
    let (old_room, new_room) = share(room, length(old), length(new));
    let cut = |old: &str, new: &str| (shortened(old, old_room), shortened(new, new_room));
    let sides = cut(old, new);
    if sides.0 != sides.1 || old == new {
        return sides;
    }
    // What differs is in the middle, which was cut out of both.
    let equal = old.chars().zip(new.chars());
    let equal = equal.take_while(|(old, new)| old == new).count();
    let rest = |text: &str, room: usize| {
        let rest: String = text.chars().skip(equal.saturating_sub(KEPT)).collect();
        let beginning: String = rest.chars().take(room.saturating_sub(2)).collect();
        let end = if beginning == rest { "" } else { "…" };
        format!("…{beginning}{end}")
    };
    (rest(old, old_room), rest(new, new_room))
}

/// Half for each; what one does not need the other has.
fn share(room: usize, old: usize, new: usize) -> (usize, usize) {
    let half = room / 2;
    let for_old = old.min(half.max(room.saturating_sub(new)));
    (for_old, new.min(room - for_old))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::{ARROW, change};

    fn drawn(old: &str, new: &str, room: usize) -> String {
        let (old, new) = change(old, new, room);
        format!("{old}{ARROW}{new}")
    }

    #[test]
    fn each_side_is_shortened_and_the_arrow_stays() {
        let (old, new) = ("Ada Ahmed of Brno", "Ada Bauer of Brno");
        assert_eq!(drawn("Ada Ahmed", "Ada Bauer", 21), "Ada Ahmed → Ada Bauer");
        assert_eq!(drawn("Ada Ahmed", "Ada Bauer", 18), "Ada…med → Ada…auer");
        assert_eq!(drawn(old, "NULL", 16), "Ada …Brno → NULL");
        assert_eq!(drawn("–", new, 14), "– → Ada … Brno");
    }

    #[test]
    fn a_difference_in_the_middle_of_long_values_is_not_cut_out() {
        let (old, new) = (
            format!("{}Ahmed{}", "x".repeat(150), "y".repeat(150)),
            format!("{}Bauer{}", "x".repeat(150), "y".repeat(150)),
        );
        let drawn = drawn(&old, &new, 31);
        assert_eq!(drawn, "…xxxAhmedyyyy… → …xxxBaueryyyy…");
        assert_eq!(drawn.chars().count(), 31);
    }

    #[test]
    fn no_room_is_no_panic() {
        for room in 0..8 {
            drawn("Ada Ahmed", "Ada Bauer", room);
            drawn("", "Ada Bauer", room);
        }
    }
}
