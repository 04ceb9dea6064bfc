//! The modules of a crate, from its outermost one, without those for tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use sha2::{Digest, Sha256};
use syn::{Item, ItemMod};

use crate::{manifest, tokens};

/// Adds the module in the file `root`, and those below it, to `hash`, and their files to `files`.
pub(crate) fn update(
    root: &Path,
    hash: &mut Sha256,
    files: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    let folder = root.parent().unwrap_or(Path::new("")).to_owned();
    Walk { hash, files }.file(root, &folder)
}

struct Walk<'a> {
    hash: &'a mut Sha256,
    files: &'a mut BTreeSet<PathBuf>,
}

impl Walk<'_> {
    /// `children` is the folder where the modules below lie.
    fn file(&mut self, path: &Path, children: &Path) -> io::Result<()> {
        // A module in two places would not end, nor be another.
        if !self.files.insert(path.to_owned()) {
            return Ok(());
        }
        let text = manifest::read(path)?;
        let file = syn::parse_file(&text)
            .map_err(|error| manifest::refused(path, &format!("this is no Rust: {error}")))?;
        self.items(file.items, path, children)
    }

    fn items(&mut self, items: Vec<Item>, path: &Path, children: &Path) -> io::Result<()> {
        for item in items.into_iter().filter(|item| !is_for_tests(item)) {
            match item {
                Item::Mod(module) => self.module(module, path, children)?,
                Item::Impl(mut block) => {
                    block.items.retain(|item| !is_for_tests(item));
                    self.tokens(block.into_token_stream(), path)?;
                }
                item => self.tokens(item.into_token_stream(), path)?,
            }
        }
        Ok(())
    }

    fn module(&mut self, mut module: ItemMod, path: &Path, children: &Path) -> io::Result<()> {
        let name = module.ident.to_string();
        let name = name.trim_start_matches("r#");
        let below = children.join(name);
        let content = module.content.take();
        let elsewhere = module.attrs.iter().find_map(path_of);
        // Attributes and visibility.
        self.tokens(module.into_token_stream(), path)?;
        self.hash.update(b"{");
        if let Some((_, items)) = content {
            self.items(items, path, &below)?;
        } else if let Some(elsewhere) = elsewhere {
            let file = path.parent().unwrap_or(Path::new("")).join(elsewhere);
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            self.file(&file, &folder)?;
        } else {
            let places = [children.join(format!("{name}.rs")), below.join("mod.rs")];
            // One that is not there is not part of this platform, or the compiler says so.
            if let Some(file) = places.iter().find(|place| place.is_file()) {
                self.file(file, &below)?;
            }
        }
        self.hash.update(b"}");
        Ok(())
    }

    fn tokens(&mut self, tokens: TokenStream, path: &Path) -> io::Result<()> {
        for included in tokens::update(self.hash, tokens) {
            let file = path.parent().unwrap_or(Path::new("")).join(included);
            let bytes = fs::read(&file).map_err(|error| manifest::at(&file, &error))?;
            self.hash.update(Sha256::digest(bytes));
            self.files.insert(file);
        }
        Ok(())
    }
}

/// Is it compiled in tests only?
fn is_for_tests(item: &impl ToTokens) -> bool {
    let mut tokens = item.to_token_stream().into_iter();
    while let Some(TokenTree::Punct(punct)) = tokens.next()
        && punct.as_char() == '#'
    {
        let Some(TokenTree::Group(attribute)) = tokens.next() else { return false };
        let text = attribute.stream().to_string().replace(' ', "");
        let of_all = text.strip_prefix("cfg(all(").map(|text| text.trim_end_matches(')'));
        let needs_test = of_all.is_some_and(|all| all.split(',').any(|one| one == "test"));
        if needs_test || text == "cfg(test)" || text == "test" {
            return true;
        }
    }
    false
}

/// The value of `#[path = "…"]`.
fn path_of(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })
            if pair.path.is_ident("path") =>
        {
            Some(text.value())
        }
        _ => None,
    }
}
