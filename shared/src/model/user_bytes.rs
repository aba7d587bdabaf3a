//! The size of the users in one answer.

/// The size of users in bytes: see [`UserRecord::bytes`](super::UserRecord::bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserBytes {
    /// All of them together.
    pub sum: usize,
    /// The largest of them.
    pub largest: usize,
}

impl UserBytes {
    /// Adds a user of `bytes` bytes.
    pub fn add(&mut self, bytes: usize) {
        self.sum += bytes;
        self.largest = self.largest.max(bytes);
    }
}

impl FromIterator<usize> for UserBytes {
    fn from_iter<T: IntoIterator<Item = usize>>(users: T) -> Self {
        let mut all = Self::default();
        users.into_iter().for_each(|bytes| all.add(bytes));
        all
    }
}
