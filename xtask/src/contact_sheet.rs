//! `cargo xtask contact-sheet`: every cat under every overlay, rendered by `milliner render` straight
//! from the catalogue's sources, as a page (`target/contact-sheet/index.html`) and one picture of it
//! (`sheet.png`). Whoever draws a hat looks here before it lands.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow};
use clap::Args;

use crate::{exec, machine, say, workspace};

#[derive(Args)]
pub struct Options {
    /// Only these cats (comma-separated)
    #[arg(long, value_delimiter = ',')]
    cats: Vec<String>,
    /// Only these overlays (comma-separated)
    #[arg(long, value_delimiter = ',')]
    overlays: Vec<String>,
    /// Width of one picture in pixels
    #[arg(long, default_value_t = 256)]
    width: u32,
    /// Write the page and its pictures, and no picture of the page: needs no browser
    #[arg(long)]
    no_sheet: bool,
}

/// One picture: how it is asked for, and what its file is called.
struct Cell {
    recipe: String,
    file: String,
}

/// Space around pictures on the page, in CSS pixels; the sheet's size is computed from it.
const GAP: u32 = 8;
const LABEL: u32 = 110;

pub fn run(options: &Options) -> Result<()> {
    let cats = chosen("cats", &options.cats)?;
    let overlays = chosen("overlays", &options.overlays)?;
    let folder = workspace::target()?.join("contact-sheet");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let program = build()?;
    let cells: Vec<_> = cats
        .iter()
        .flat_map(|cat| overlays.iter().map(move |overlay| cell(cat, overlay, options.width)))
        .collect();
    say::step(&format!("Rendering {} pictures", cells.len()), || render_all(&program, &cells, &folder))?;
    let page = folder.join("index.html");
    fs::write(&page, html(&cats, &overlays, options.width))?;
    say::line(&format!("  {}", page.display()));
    if !options.no_sheet {
        let size = (sheet_side(overlays.len(), options.width), sheet_side(cats.len(), options.width));
        let sheet = folder.join("sheet.png");
        say::step("Photographing the sheet", || photograph(&page, &sheet, size))?;
        say::line(&format!("  {}", sheet.display()));
    }
    Ok(())
}

/// Ids of a folder of the catalogue, or those of them that were asked for.
fn chosen(folder: &str, wanted: &[String]) -> Result<Vec<String>> {
    let folder = workspace::root().join("catalogue").join(folder);
    let mut ids = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            ids.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    if let Some(unknown) = wanted.iter().find(|id| !ids.contains(id)) {
        return Err(anyhow!("{} has no {unknown}.svg", folder.display()));
    }
    ids.retain(|id| wanted.is_empty() || wanted.contains(id));
    ids.sort();
    Ok(ids)
}

/// The development profile optimises the crates that touch pixels, and is built already more often than not.
fn build() -> Result<PathBuf> {
    let mut cargo = exec::cargo();
    cargo.args(["build", "--package", "origin", "--bin", "milliner"]);
    say::step("Building milliner", || exec::run(&mut cargo))?;
    Ok(workspace::target()?.join("debug/milliner"))
}

fn cell(cat: &str, overlay: &str, width: u32) -> Cell {
    Cell { recipe: format!("/c/{cat};w={width}/{overlay}.png"), file: format!("{cat}-{overlay}.png") }
}

/// As many at a time as there are processors; the first failure is the error.
fn render_all(program: &Path, cells: &[Cell], folder: &Path) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            render(program, cell, folder)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })
}

fn render(program: &Path, cell: &Cell, folder: &Path) -> Result<()> {
    let mut milliner = exec::command(&program.to_string_lossy());
    milliner
        .args(["render", &cell.recipe, "--catalogue", "catalogue", "--output"])
        .arg(folder.join(&cell.file));
    exec::output(&mut milliner).map(drop)
}

fn html(cats: &[String], overlays: &[String], width: u32) -> String {
    let mut rows = String::new();
    for cat in cats {
        // Writing to a string cannot fail; nor can an id need escaping, it is `[a-z0-9-]+`.
        let _ = write!(rows, "<tr><th scope=row>{cat}");
        for overlay in overlays {
            let Cell { recipe, file } = cell(cat, overlay, width);
            let _ = write!(
                rows,
                "<td><img src={file} alt=\"{cat}, {overlay}\" title=\"{recipe}\" width={width}>"
            );
        }
        rows.push('\n');
    }
    let heads = overlays.iter().fold(String::new(), |heads, overlay| heads + "<th scope=col>" + overlay);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Every cat under every hat</title>\n\
         <style>body{{margin:0;background:#f4efe6;color:#2b2a27;font:14px/1 sans-serif}}\
         table{{border-spacing:{GAP}px}}th,td{{padding:0}}thead th{{height:{LABEL}px;vertical-align:bottom}}\
         tbody th{{width:{LABEL}px;min-width:{LABEL}px}}img{{display:block}}</style>\n\
         <table><thead><tr><th>{heads}</thead>\n<tbody>{rows}</tbody></table></html>\n"
    )
}

/// Width or height of the page with `count` pictures along that side.
fn sheet_side(count: usize, width: u32) -> u32 {
    2 * GAP + LABEL + u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(width + GAP)
}

fn photograph(page: &Path, sheet: &Path, (width, height): (u32, u32)) -> Result<()> {
    let mut chromium = exec::command(&machine::chromium()?.to_string_lossy());
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]);
    chromium.arg(format!("--window-size={width},{height}")).arg(format!("--screenshot={}", sheet.display()));
    exec::output(chromium.arg(format!("file://{}", page.display()))).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_cat_is_named() {
        let error = chosen("cats", &["dog".to_owned()]).unwrap_err().to_string();
        assert!(error.ends_with("has no dog.svg"), "{error}");
    }

    #[test]
    fn the_page_has_every_pair() {
        let page = html(&["tabby".to_owned(), "kitten".to_owned()], &["crown".to_owned()], 64);
        assert!(page.contains("title=\"/c/tabby;w=64/crown.png\""), "{page}");
        assert!(page.contains("src=kitten-crown.png"), "{page}");
    }
}
