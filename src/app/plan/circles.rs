//! Whether a group would come to be in itself.

use std::collections::{BTreeMap, BTreeSet};

/// Circles among these nestings, each a group and what is in it: of groups, each of which has the next in it, and the last has the first.
/// None is left that shares no nesting with one of them.
pub fn circles<'a>(nestings: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Vec<&'a str>> {
    let mut inside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (group, member) in nestings {
        inside.entry(group).or_default().insert(member);
    }
    let (mut found, mut done) = (Vec::new(), BTreeSet::new());
    for top in inside.keys() {
        // The way down, and what is still to be looked at in each group on it.
        let mut way: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut on_way = BTreeSet::new();
        let mut next = (!done.contains(top)).then_some(*top);
        loop {
            if let Some(group) = next.take() {
                on_way.insert(group);
                way.push((group, inside.get(group).into_iter().flatten().rev().copied().collect()));
            }
            let Some((group, left)) = way.last_mut() else { break };
            match left.pop() {
                Some(member) if on_way.contains(member) => {
                    let circle = way.iter().map(|(group, _)| *group).skip_while(|group| *group != member);
                    found.push(circle.collect());
                }
                Some(member) => next = (!done.contains(member)).then_some(member),
                None => {
                    on_way.remove(*group);
                    done.insert(*group);
                    way.pop();
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::circles;

    #[test]
    fn each_circle_is_found_and_nothing_else() {
        let of = |nestings: &[(&'static str, &'static str)]| circles(nestings.iter().copied());
        assert_eq!(of(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("e", "a")]), [] as [Vec<&str>; 0]);
        assert_eq!(of(&[("a", "a")]), [["a"]]);
        assert_eq!(of(&[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]), [["a", "b", "c"]]);
        assert_eq!(of(&[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("a", "c")]), [["a", "b"], ["c", "d"]]);
    }

    #[test]
    fn a_deep_lattice_takes_no_time() {
        let names: Vec<String> = (0..30_000).map(|n| n.to_string()).collect();
        let steps = names.windows(3).flat_map(|three| [(&*three[0], &*three[1]), (&*three[0], &*three[2])]);
        assert_eq!(circles(steps).len(), 0);
    }
}
