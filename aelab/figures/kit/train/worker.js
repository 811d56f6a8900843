// The program of the worker: esbuild puts it, as text, into the figures that train.
import { serve } from "./serve.js";

const take = serve((news) => postMessage(news), 40);
addEventListener("message", ({ data }) => take(data));
