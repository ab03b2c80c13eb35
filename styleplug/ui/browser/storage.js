// In a frame of another site a browser may refuse to keep anything. The page cannot start then, so
// what it would keep is kept until it is left.
try {
  localStorage.length;
} catch {
  const kept = new Map();
  Object.defineProperty(window, "localStorage", { value: {
    get length() { return kept.size; },
    key: (at) => [...kept.keys()][at] ?? null,
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, String(value)),
    removeItem: (name) => void kept.delete(name),
    clear: () => kept.clear(),
  } });
}
