//! The stable names of all faults, and the page that explains each.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Declares the codes once: variant, name, and the Markdown page of the same name.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What kind of fault a diagnostic reports. Names never change and are never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name people see, such as `ALT0203`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The long explanation in Markdown, with a wrong and a right example.
            #[must_use]
            pub const fn explain(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../codes/", $name, ".md")),)*
                }
            }
        }
    };
}

codes! {
    /// The bytes are not UTF-8 text without a byte order mark.
    Encoding = "ALT0101",
    /// The text is not JSON.
    Syntax = "ALT0102",
    /// A value has another type than its field wants.
    WrongType = "ALT0103",
    /// A required field is absent.
    MissingField = "ALT0104",
    /// An object holds the same key twice.
    DuplicateKey = "ALT0105",
    /// A field is not part of the format.
    UnknownField = "ALT0106",
    /// An id or name is blank, too long or holds invisible characters.
    BadName = "ALT0107",
    /// The version of the format is not supported.
    BadVersion = "ALT0108",
    /// A time is not RFC 3339.
    BadTime = "ALT0109",
    /// A word is not one of those allowed.
    UnknownWord = "ALT0110",
    /// A number is outside its range.
    OutOfRange = "ALT0111",
    /// A text is blank.
    BlankText = "ALT0112",
    /// A string holds half of a surrogate pair.
    LoneSurrogate = "ALT0113",
    /// A queue name holds a character that queues may not have.
    BadQueue = "ALT0114",
    /// A task names a job that nobody here runs.
    UnknownJob = "ALT0115",
    /// A task has a prompt, but no AI job is known.
    PromptWithoutAi = "ALT0116",
    /// A field is accepted and has no effect.
    IgnoredField = "ALT0117",
    /// The file has no tasks.
    EmptyTasks = "ALT0118",
    /// A value is allowed but rarely meant.
    UnusualValue = "ALT0119",
    /// The text is not the part of YAML that Runner reads.
    Yaml = "ALT0120",
    /// Two tasks have one id.
    DuplicateId = "ALT0201",
    /// A task depends on itself.
    SelfDependency = "ALT0202",
    /// A task depends on a task that is not in the file.
    MissingDependency = "ALT0203",
    /// Tasks wait for each other in a ring.
    Cycle = "ALT0204",
    /// A dependency is named twice.
    RepeatedDependency = "ALT0205",
    /// An expression cannot be read.
    ExpressionSyntax = "ALT0301",
    /// An expression uses a name other than `tasks.<id>.output`.
    UnknownName = "ALT0302",
    /// An expression refers to a task that is not in the file.
    UnknownReference = "ALT0303",
    /// An expression refers to a task that need not be complete by then.
    NotAnAncestor = "ALT0304",
    /// The file is too large.
    FileSize = "ALT0401",
    /// The file has too many tasks.
    TaskCount = "ALT0402",
    /// The file has too many dependencies.
    EdgeCount = "ALT0403",
    /// A list has too many items.
    ItemCount = "ALT0404",
    /// Brackets are nested too deep.
    Depth = "ALT0405",
    /// A string is too long.
    StringSize = "ALT0406",
    /// An object is too large.
    ObjectSize = "ALT0407",
    /// A task has too many or too long expressions.
    ExpressionCount = "ALT0408",
    /// The references of the file take too long to check.
    ReferenceWork = "ALT0409",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The text is not the name of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such code; codes look like `ALT0203`")]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.name().eq_ignore_ascii_case(text.trim()))
            .ok_or(UnknownCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_page_with_a_wrong_and_a_right_example() {
        for &code in Code::ALL {
            let page = code.explain();
            assert!(page.starts_with(&format!("# {code}: ")), "{code}: title");
            assert!(page.contains("\nWrong:\n\n```"), "{code}: wrong example");
            assert!(page.contains("\nRight:\n\n```"), "{code}: right example");
            assert!(page.len() > 250, "{code}: too short to help anybody");
        }
    }

    #[test]
    fn names_are_unique_ordered_and_read_back() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.name() < b.name()));
        for &code in Code::ALL {
            assert_eq!(code.name().parse(), Ok(code));
            assert_eq!(code.name().to_lowercase().parse(), Ok(code));
        }
        assert_eq!("ALT9999".parse::<Code>(), Err(UnknownCode));
    }
}
