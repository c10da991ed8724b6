//! The inside of a rasterising process: an SVG on standard input, a PNG on standard output, a sentence on standard
//! error. It gives up every right it does not need before it reads the first byte.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, roxmltree};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Exit code for an SVG that is refused; anything else but 0 is a crash or a limit.
pub const REFUSED: i32 = 3;

const MAX_ADDRESS_SPACE: u64 = 1536 << 20;
const MAX_CPU_SECS: u64 = 60;
/// Elements that would be left out of the picture in silence.
const NOT_DRAWN: [&str; 4] = ["text", "image", "foreignObject", "feImage"];

/// Draws standard input to standard output.
pub fn run(max_pixels: u64) -> ExitCode {
    match confine().map_err(|error| error.to_string()).and_then(|()| rasterise(max_pixels)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Nobody else is left to tell if standard error is gone.
            let _ = writeln!(io::stderr(), "{reason}");
            ExitCode::from(REFUSED as u8)
        }
    }
}

/// No file may be opened or grown, no core dumped, memory and time are bounded.
fn confine() -> rustix::io::Result<()> {
    let at_most = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::As, at_most(MAX_ADDRESS_SPACE))?;
    setrlimit(Resource::Cpu, at_most(MAX_CPU_SECS))?;
    setrlimit(Resource::Core, at_most(0))?;
    setrlimit(Resource::Fsize, at_most(0))?;
    // Standard input, output and error are open; there is never a fourth.
    setrlimit(Resource::Nofile, at_most(3))
}

fn rasterise(max_pixels: u64) -> Result<(), String> {
    let mut svg = String::new();
    io::stdin().lock().read_to_string(&mut svg).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let png = draw(&svg, max_pixels)?;
    let mut out = io::stdout().lock();
    out.write_all(&png).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// Parses, checks and draws one SVG at its own size.
fn draw(svg: &str, max_pixels: u64) -> Result<Vec<u8>, String> {
    let document = roxmltree::Document::parse(svg).map_err(|error| error.to_string())?;
    if let Some(element) = document.descendants().find(|node| NOT_DRAWN.contains(&node.tag_name().name())) {
        let name = element.tag_name().name();
        return Err(format!("it has a <{name}> element; only shapes are drawn, convert it to paths"));
    }
    let tree = Tree::from_xmltree(&document, &options()).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size();
    let pixels = u64::from(size.width()) * u64::from(size.height());
    if pixels > max_pixels {
        return Err(format!("it is {pixels} pixels large; at most {max_pixels} are allowed"));
    }
    let mut pixmap = Pixmap::new(size.width(), size.height()).ok_or("it has no size")?;
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| error.to_string())
}

/// Nothing is ever loaded: no file, no data URL.
fn options() -> Options<'static> {
    Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn shapes_become_png_at_their_own_size() {
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"><rect width="8" height="4"/></svg>"#;
        let png = draw(svg, 32).unwrap();
        assert_eq!(png[16..24], [0, 0, 0, 8, 0, 0, 0, 4]);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_with_a_reason() {
        let svg = |inside: &str| {
            format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">{inside}</svg>"#)
        };
        for (svg, says) in [
            (svg("<text>hi</text>"), "<text>"),
            (svg(r#"<image href="/etc/passwd"/>"#), "<image>"),
            (svg("<rect"), ""),
            (svg("").replace("\"8\"", "\"100000\""), "10000000000 pixels"),
            (format!("<!DOCTYPE svg [<!ENTITY a 'x'>]>{}", svg("&a;")), ""),
        ] {
            let reason = draw(&svg, 1_000_000).unwrap_err();
            assert!(reason.contains(says), "{svg}: {reason}");
        }
    }
}
