//! Counts the words of its arguments.
fn main() {
    let count: usize = std::env::args().skip(1).map(|text| text.split_whitespace().count()).sum();
    println!("{count} words");
}
