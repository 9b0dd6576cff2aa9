// A bounded list of the newest things, and a bounded memory of what was seen.

/** Keeps the newest `capacity` items. */
export class Ring<T> {
  private readonly slots: (T | undefined)[];
  private next = 0;
  private held = 0;

  constructor(private readonly capacity: number) {
    this.slots = new Array<T | undefined>(capacity);
  }

  get size(): number {
    return this.held;
  }

  push(item: T): void {
    this.slots[this.next] = item;
    this.next = (this.next + 1) % this.capacity;
    this.held = Math.min(this.held + 1, this.capacity);
  }

  /** Up to `most` of them, newest first. */
  newest(most = this.held): T[] {
    const found: T[] = [];
    for (let back = 1; back <= Math.min(most, this.held); back++) {
      found.push(this.slots[(this.next - back + this.capacity) % this.capacity] as T);
    }
    return found;
  }

  clear(): void {
    this.slots.fill(undefined);
    this.next = 0;
    this.held = 0;
  }
}

/** Remembers the last `capacity` ids or more, up to twice as many. */
export class Seen {
  private young = new Set<string>();
  private old = new Set<string>();

  constructor(private readonly capacity: number) {}

  /** Whether an id is new; from then on it is not. */
  add(id: string): boolean {
    if (this.young.has(id) || this.old.has(id)) return false;
    this.young.add(id);
    if (this.young.size >= this.capacity) {
      this.old = this.young;
      this.young = new Set();
    }
    return true;
  }
}
