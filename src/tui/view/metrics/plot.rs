//! A grid of dots, finer than the cells it is drawn in. Knows nothing of metrics.

use super::Glyphs;

/// Dots, each with the rank of what put it there; the highest rank gives the cell its look.
pub struct Plot {
    glyphs: Glyphs,
    columns: usize,
    rows: usize,
    dots: Vec<u8>,
    rank: Vec<u8>,
}

impl Plot {
    pub fn new(glyphs: Glyphs, columns: usize, rows: usize) -> Self {
        Self { glyphs, columns, rows, dots: vec![0; columns * rows], rank: vec![0; columns * rows] }
    }

    /// Dots in a cell: across, down.
    fn fine(&self) -> (usize, usize) {
        match self.glyphs {
            Glyphs::Braille => (2, 4),
            Glyphs::Block => (1, 2),
            Glyphs::Ascii => (1, 1),
        }
    }

    pub fn width(&self) -> usize {
        self.columns * self.fine().0
    }

    pub fn height(&self) -> usize {
        self.rows * self.fine().1
    }

    /// A dot; `y` counts from below.
    pub fn dot(&mut self, x: usize, y: usize, rank: u8) {
        if x >= self.width() || y >= self.height() {
            return;
        }
        let (across, down) = self.fine();
        let y = self.height() - 1 - y;
        let cell = y / down * self.columns + x / across;
        self.dots[cell] |= 1 << (y % down * across + x % across);
        self.rank[cell] = self.rank[cell].max(rank);
    }

    /// From one dot to the next column's: no holes where a number leaps.
    pub fn rise(&mut self, x: usize, from: usize, to: usize, rank: u8) {
        for y in from.min(to)..=from.max(to) {
            self.dot(x, y, rank);
        }
    }

    /// The glyph of a cell and its rank; a rank's own glyph stands for it in ASCII.
    pub fn cell(&self, column: usize, row: usize, ascii: &[char]) -> (char, u8) {
        let cell = row * self.columns + column;
        let (dots, rank) = (self.dots[cell], self.rank[cell]);
        if dots == 0 {
            return (' ', 0);
        }
        let glyph = match self.glyphs {
            Glyphs::Braille => {
                // bits by row and column → the order braille has: 1 2 3 7 in the left column, 4 5 6 8 in the right
                const ORDER: [u32; 8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80];
                let bits = ORDER.iter().enumerate().filter(|(bit, _)| dots & (1 << bit) != 0).map(|(_, bits)| bits);
                char::from_u32(0x2800 + bits.sum::<u32>()).unwrap_or(' ')
            }
            Glyphs::Block => match dots {
                1 => '▀',
                2 => '▄',
                _ => '█',
            },
            Glyphs::Ascii => ascii.get(usize::from(rank)).copied().unwrap_or('*'),
        };
        (glyph, rank)
    }
}
