//! Names that others have given: they are compared to the letter.

use super::text_type;

text_type!(
    /// The name of a claim.
    ClaimName, |text| literal(text, 100), max: 100,
    except: "", example: "user_id"
);

/// Reads a name as it is: what others write is not for us to make nicer.
pub fn literal(text: &str, max: usize) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.chars().count() > max {
        return Err(format!("too long: at most {max} characters"));
    }
    if text.contains(char::is_control) {
        return Err("must have no control characters".to_owned());
    }
    if text.trim() != text {
        return Err("must not begin or end with white space".to_owned());
    }
    Ok(text.to_owned())
}
