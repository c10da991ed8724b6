//! Prints the digest of every import and every golden recipe, as this target makes them: `cargo xtask test --only targets`
//! runs it on each and compares. It takes no argument and reads no file.

#[path = "../tests/goldens/cases.rs"]
mod cases;
#[path = "../tests/goldens/digests.rs"]
mod digests;
#[path = "../tests/goldens/inputs.rs"]
mod inputs;

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() -> Result<(), String> {
    for line in digests::lines()? {
        println!("{line}");
    }
    Ok(())
}
