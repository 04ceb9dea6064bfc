//! Code as tokens, without what changes no number.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use sha2::{Digest, Sha256};

/// Attributes for people and for lints.
const SILENT: [&str; 7] = ["allow", "deny", "doc", "expect", "forbid", "must_use", "warn"];

/// Macros that read a file.
const INCLUDES: [&str; 3] = ["include", "include_bytes", "include_str"];

/// Adds `tokens` to `hash`; returns the files that they include, in their order, as they name them.
pub(crate) fn update(hash: &mut Sha256, tokens: TokenStream) -> Vec<String> {
    let mut writer = Writer { hash, included: Vec::new() };
    writer.stream(tokens, Texts::Count);
    writer.included
}

/// Do texts count that are the value of a field? Those of a plug-in's record are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    Count,
    AreForPeople,
}

struct Writer<'a> {
    hash: &'a mut Sha256,
    included: Vec<String>,
}

impl Writer<'_> {
    fn stream(&mut self, tokens: TokenStream, texts: Texts) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let rest = &tokens[at..];
            if let Some(length) = silent_attribute(rest) {
                at += length;
                continue;
            }
            at += 1;
            match token {
                TokenTree::Group(group) => {
                    let before = &tokens[..at - 1];
                    if texts == Texts::Count
                        && called(before).is_some_and(|name| INCLUDES.contains(&&*name))
                    {
                        self.included.extend(only_text(group.stream()));
                    }
                    let is_record = called(before).is_some_and(|name| name == "submit");
                    let texts = if is_record { Texts::AreForPeople } else { texts };
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.word(open);
                    self.stream(group.stream(), texts);
                    self.word(close);
                }
                // Where a line is broken, the last of several has a comma too.
                TokenTree::Punct(punct) if punct.as_char() == ',' && at == tokens.len() => {}
                TokenTree::Punct(punct) => self.word(punct.as_char().encode_utf8(&mut [0; 4])),
                TokenTree::Ident(ident) => self.word(&ident.to_string()),
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    let is_text = text.ends_with(['"', '#']);
                    let is_field = matches!(
                        tokens.get(at.wrapping_sub(2)),
                        Some(TokenTree::Punct(punct)) if punct.as_char() == ':'
                    );
                    if texts == Texts::Count || !is_text || !is_field {
                        self.word(&text);
                    }
                }
            }
        }
    }

    fn word(&mut self, word: &str) {
        self.hash.update(word.as_bytes());
        self.hash.update([0]);
    }
}

/// How many tokens an attribute has that stands at the beginning and does not count.
fn silent_attribute(tokens: &[TokenTree]) -> Option<usize> {
    let is = |at: usize, character: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == character);
    let bracket = if is(1, '!') { 2 } else { 1 };
    let Some(TokenTree::Group(group)) = tokens.get(bracket).filter(|_| is(0, '#')) else {
        return None;
    };
    let name = group.stream().into_iter().next()?.to_string();
    let counts = group.delimiter() != Delimiter::Bracket || !SILENT.contains(&&*name);
    (!counts).then_some(bracket + 1)
}

/// The macro whose name and `!` are the last of `before`.
fn called(before: &[TokenTree]) -> Option<String> {
    match before {
        [.., TokenTree::Ident(name), TokenTree::Punct(mark)] if mark.as_char() == '!' => {
            Some(name.to_string())
        }
        _ => None,
    }
}

/// The value of a string literal that stands alone.
fn only_text(tokens: TokenStream) -> Option<String> {
    syn::parse2::<syn::LitStr>(tokens).ok().map(|text| text.value())
}
