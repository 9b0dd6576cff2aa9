// Begins.

import { render } from "preact";

import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/tables.css";
import "./styles/charts.css";

import { App } from "./app.tsx";
import { startTheme } from "./lib/theme.ts";

startTheme();
const root = document.getElementById("app");
if (root) render(<App />, root);
