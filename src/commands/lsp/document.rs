//! A text as an editor sees it: lines, and columns in UTF-16 units.

use lsp_types::{Position, Range};

/// A text with the beginnings of its lines.
pub(super) struct Document {
    pub(super) text: String,
    lines: Vec<usize>,
}

impl Document {
    pub(super) fn new(text: String) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Document { text, lines }
    }

    /// The byte at a position; the nearest before it where there is none.
    pub(super) fn byte(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(start) = self.lines.get(line) else { return self.text.len() };
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let mut units = 0;
        for (i, c) in self.text[*start..end].char_indices() {
            if units + c.len_utf16() > position.character as usize {
                return start + i;
            }
            units += c.len_utf16();
        }
        end
    }

    /// The position of a byte.
    pub(super) fn position(&self, byte: usize) -> Position {
        let byte = (0..=byte.min(self.text.len())).rev().find(|i| self.text.is_char_boundary(*i)).unwrap_or(0);
        let line = self.lines.partition_point(|start| *start <= byte) - 1;
        let before = &self.text[self.lines[line]..byte];
        Position::new(line as u32, before.encode_utf16().count() as u32)
    }

    pub(super) fn range(&self, bytes: std::ops::Range<usize>) -> Range {
        Range::new(self.position(bytes.start), self.position(bytes.end))
    }
}

#[cfg(test)]
mod tests {
    use super::Document;
    use lsp_types::Position;

    #[test]
    fn positions_are_utf_16_and_never_outside() {
        let document = Document::new("aé😀b\r\n\nx".into());
        for (byte, line, character) in [(0, 0, 0), (3, 0, 2), (7, 0, 4), (8, 0, 5), (10, 1, 0), (11, 2, 0), (12, 2, 1)]
        {
            assert_eq!(document.position(byte), Position::new(line, character), "{byte}");
            assert_eq!(document.byte(Position::new(line, character)), byte);
        }
        assert_eq!(document.byte(Position::new(0, 3)), 3, "inside of a pair");
        assert_eq!(document.byte(Position::new(0, 99)), 9);
        assert_eq!(document.byte(Position::new(9, 0)), 12);
        assert_eq!(document.position(999), Position::new(2, 1));
    }
}
