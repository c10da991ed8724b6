//! Near matches: what somebody may have meant by a name that nobody knows. Part of errors, never of resolving.

/// Most edits that a name may be away and still be what was meant.
const MAX_EDITS: usize = 3;

/// The known name that `given` is a slip of the keyboard away from: one edit for every three letters, at most three.
/// An edit adds, drops or changes a letter, or swaps two neighbours. Of equally near names the first wins.
///
/// ```
/// use compositor::near::nearest;
/// assert_eq!(nearest("tophat", ["bowler", "top-hat"]), Some("top-hat"));
/// assert_eq!(nearest("crown", ["bowler", "top-hat"]), None);
/// ```
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.as_bytes();
    let most = (given.len() / 3).clamp(1, MAX_EDITS);
    let near = known.into_iter().filter_map(|name| Some((edits(given, name.as_bytes(), most)?, name)));
    near.min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// The end of a sentence about an unknown name; nothing where nothing is near.
pub fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// How many edits lie between two names, if no more than `most`: the optimal string alignment distance, row by row,
/// given up as soon as no way through a row can end in time.
fn edits(from: &[u8], to: &[u8], most: usize) -> Option<usize> {
    if from.len().abs_diff(to.len()) > most {
        return None;
    }
    let (mut before, mut above): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=to.len()).collect());
    for (i, letter) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let mut least = (above[j + 1] + 1).min(row[j] + 1).min(above[j] + usize::from(letter != other));
            if i > 0 && j > 0 && *letter == to[j - 1] && from[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        if row.iter().all(|&edits| edits > most) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|&edits| edits <= most)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const HATS: [&str; 5] = ["beanie", "beret", "bow-tie", "top-hat", "wizard"];

    #[test]
    fn slips_of_the_keyboard_are_seen_through() {
        for (given, meant) in [
            ("top-hatt", "top-hat"),
            ("tophat", "top-hat"),
            ("tpo-hat", "top-hat"),
            ("yop-hat", "top-hat"),
            ("berett", "beret"),
            ("wizzzard", "wizard"),
            ("bowtie", "bow-tie"),
        ] {
            assert_eq!(nearest(given, HATS), Some(meant), "{given}");
        }
    }

    #[test]
    fn other_names_are_not_guessed_at() {
        for given in ["", "hat", "cat", "crown", "bow", "an-entirely-different-and-long-name"] {
            assert_eq!(nearest(given, HATS), None, "{given}");
        }
        assert_eq!(nearest("cat", ["dog"]), None);
        assert_eq!(nearest("cat", []), None);
    }
}
