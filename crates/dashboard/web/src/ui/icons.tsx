// Icons, drawn with lines of the text's colour.

import type { ComponentChildren } from "preact";

const icon = (content: ComponentChildren) => <svg class="glyph" viewBox="0 0 20 20" aria-hidden="true">{content}</svg>;

export const ICONS = {
  overview: icon(<path d="M3 3h6v8H3zM11 3h6v5h-6zM11 11h6v6h-6zM3 14h6v3H3z" />),
  live: icon(<><circle cx="10" cy="10" r="1.8" /><path d="M6.3 13.7a5.2 5.2 0 0 1 0-7.4M13.7 6.3a5.2 5.2 0 0 1 0 7.4M3.7 16.3a9 9 0 0 1 0-12.6M16.3 3.7a9 9 0 0 1 0 12.6" /></>),
  traffic: icon(<path d="M3 17V9h3v8zM8.5 17V3h3v14zM14 17v-6h3v6z" />),
  endpoints: icon(<path d="M3 5h14M3 10h9M3 15h5" />),
  log: icon(<path d="M4 3h12v14H4zM7 7h6M7 10h6M7 13h3" />),
  clients: icon(<><circle cx="7.5" cy="7" r="3" /><path d="M2 17c.5-3.2 2.6-5 5.5-5s5 1.800 5.500 5M13 4.300a3 3 0 0 1 0 5.400M15 12.400c1.700.7 2.700 2.300 3 4.600" /></>),
  system: icon(<path d="M3 4h14v5H3zM3 11h14v5H3zM6 6.500h.01M6 13.500h.01" />),
  keys: icon(<><circle cx="7" cy="13" r="3.500" /><path d="M9.500 10.500 17 3M13.500 6.500l2.500 2.500" /></>),
  system_theme: icon(<path d="M3 4h14v9H3zM7 17h6" />),
  light: icon(<><circle cx="10" cy="10" r="3.200" /><path d="M10 2v2M10 16v2M2 10h2M16 10h2M4.300 4.300l1.400 1.400M14.300 14.300l1.400 1.400M4.300 15.700l1.400-1.400M14.300 5.700l1.400-1.400" /></>),
  dark: icon(<path d="M16.500 12A7 7 0 0 1 8 3.500a7 7 0 1 0 8.500 8.500z" />),
};
