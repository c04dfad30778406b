// Fetches and decodes the pictures of pairs ahead of time, each once.

export class Pictures {
  constructor() {
    this.loading = new Map(); // url -> Promise<ImageBitmap>
  }

  // The pictures of a pair, decoded: {left, right, reference}; reference is null where there is none.
  async pair(pair) {
    const urls = [pair.left, pair.right, pair.reference];
    const [left, right, reference] = await Promise.all(urls.map((url) => (url ? this.#picture(url) : null)));
    return { left, right, reference };
  }

  // Start loading these pairs; forget all others.
  keep(pairs) {
    const wanted = new Set(pairs.flatMap((pair) => [pair.left, pair.right, pair.reference]).filter(Boolean));
    for (const [url, picture] of this.loading) {
      if (wanted.has(url)) continue;
      this.loading.delete(url);
      picture.then((bitmap) => bitmap.close(), () => {});
    }
    for (const url of wanted) this.#picture(url).catch(() => {});
  }

  #picture(url) {
    if (!this.loading.has(url)) {
      const picture = load(url);
      this.loading.set(url, picture);
      picture.catch(() => this.loading.delete(url)); // the next one who asks tries again
    }
    return this.loading.get(url);
  }
}

async function load(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`a picture could not be fetched (${response.status})`);
  return createImageBitmap(await response.blob());
}
