//! Names that look random and are the same for the same seed.

/// A small generator (splitmix64); nothing here is secret.
#[derive(Clone, Debug, Default)]
pub struct Names {
    state: u64,
}

/// The letters of Kubernetes' own suffixes: no vowels, so that no words come out.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Names {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    pub fn suffix(&mut self, length: usize) -> String {
        (0..length).map(|_| letter(self.number())).collect()
    }

    pub fn uid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
        let (d, e) = ((low >> 48) & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
    }
}

fn letter(number: u64) -> char {
    char::from(LETTERS[(number % LETTERS.len() as u64) as usize])
}

/// A pod template's hash, as ReplicaSets are named by: the same text, the same ten letters.
pub fn hash_of(text: &str) -> String {
    let seed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    Names::new(seed).suffix(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_names() {
        let (mut one, mut two, mut other) = (Names::new(7), Names::new(7), Names::new(8));
        assert_eq!((one.uid(), one.suffix(5)), (two.uid(), two.suffix(5)));
        assert_ne!(two.uid(), other.uid());
        assert_eq!(other.uid().len(), 36);
        assert_ne!(hash_of("a"), hash_of("b"));
    }
}
