//! What bytes are that are not MIDI.

/// One sentence that says what the bytes are instead of MIDI.
pub(super) fn describe_not_midi(bytes: &[u8]) -> String {
    let head: String = bytes.iter().take(512).map(|&byte| char::from(byte).to_ascii_lowercase()).collect();
    let text = head.trim_start();
    let what = if bytes.is_empty() {
        "The file is empty"
    } else if bytes.iter().all(|&byte| byte == 0) {
        "The file holds only zero bytes, as a failed download does"
    } else if text.starts_with("<!doctype")
        || text.contains("<html")
        || text.starts_with("<?xml")
        || text.contains("<head")
    {
        "This is a web page, not MIDI: the server answered with a page instead of the file"
    } else if bytes.starts_with(b"ID3") || matches!(bytes, [0xff, second, ..] if second & 0xe0 == 0xe0) {
        "This is MP3 audio, not MIDI"
    } else if bytes.starts_with(b"OggS") || bytes.starts_with(b"fLaC") || bytes.get(8..12) == Some(b"WAVE") {
        "This is recorded audio, not MIDI"
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        "This is a gzip archive, not MIDI; unpack it first"
    } else if bytes.starts_with(b"PK\x03\x04") {
        "This is a zip archive, not MIDI; unpack it first"
    } else if text.starts_with("x:") || text.contains("\nk:") {
        "This is ABC text, not MIDI; rename it to .abc"
    } else if !bytes.iter().take(512).any(|&byte| byte == 0 || byte > 0xf4)
        && head.chars().all(|c| !c.is_control() || c.is_whitespace())
    {
        "This is text, not MIDI"
    } else {
        "This is not MIDI"
    };
    format!("{what} ({} bytes, no MThd header).", bytes.len())
}
