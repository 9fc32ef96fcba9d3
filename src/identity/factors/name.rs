use crate::base::names::{self, text_type};

text_type!(
    /// What its owner calls a factor.
    FactorName, |text| names::line(text, 100), max: 100,
    except: "", example: "My phone"
);
