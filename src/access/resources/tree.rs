//! What is beneath what: rules without I/O. The triggers of `auth.resources` have the last word.

use std::collections::HashMap;

use super::{Fault, ResourceName};

/// How many others a resource may be beneath.
pub const MOST_ABOVE: usize = 32;

/// Parents: of what is to be changed as it is to be, of the rest as they are. Whoever is not in it is not there.
#[derive(Debug, Default)]
pub(super) struct Tree<'a>(HashMap<&'a ResourceName, Option<&'a ResourceName>>);

impl<'a> Tree<'a> {
    /// Notes a parent, or that there is none. What was noted first counts.
    pub(super) fn note(&mut self, name: &'a ResourceName, parent: Option<&'a ResourceName>) {
        self.0.entry(name).or_insert(parent);
    }

    /// What is wrong with where `name` lies, if anything is.
    pub(super) fn fault(&self, name: &ResourceName) -> Option<Fault> {
        let (name, parent) = self.0.get_key_value(name)?;
        let mut way = vec![*name];
        let mut next = *parent;
        while let Some(above) = next {
            if let Some(begin) = way.iter().position(|below| *below == above) {
                let circle = way[begin..].iter().copied().chain([above]).cloned();
                return Some(Fault::Circle(circle.collect()));
            }
            if way.len() > MOST_ABOVE {
                return Some(Fault::TooDeep);
            }
            let Some(parent) = self.0.get(above) else { return Some(Fault::NoParent(above.clone())) };
            way.push(above);
            next = *parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str) -> ResourceName {
        ResourceName { kind: "folder".to_owned(), id: id.to_owned() }
    }

    #[test]
    fn a_circle_a_gap_and_too_great_a_depth_are_found() {
        let names: Vec<ResourceName> = (0..40).map(|id| name(&id.to_string())).collect();
        let mut tree = Tree::default();
        tree.note(&names[0], None);
        for pair in names.windows(2) {
            tree.note(&pair[1], Some(&pair[0]));
        }
        assert_eq!(tree.fault(&names[0]), None);
        assert_eq!(tree.fault(&names[MOST_ABOVE]), None);
        assert_eq!(tree.fault(&names[MOST_ABOVE + 1]), Some(Fault::TooDeep));
        let (a, b, gone) = (name("a"), name("b"), name("gone"));
        let mut tree = Tree::default();
        tree.note(&a, Some(&b));
        tree.note(&b, Some(&a));
        assert_eq!(tree.fault(&a), Some(Fault::Circle(vec![a.clone(), b.clone(), a.clone()])));
        let mut tree = Tree::default();
        tree.note(&a, Some(&gone));
        assert_eq!(tree.fault(&a), Some(Fault::NoParent(gone)));
    }
}
