// What the scripts of the site find in the page, or leave there.
import type { Module } from "../../../aelab/figures/kit/define.js";

declare global {
  interface Window {
    aecore: {
      modules: Record<string, Module>;
      mount: (embed: HTMLElement) => () => void;
      all: () => Promise<void>; // every figure of the page, alive
    };
    aeData?: Record<string, string>;
    MathJax: any;
    Reveal?: any;
  }
  const MathJax: any;
  const Reveal: any;
  const RevealNotes: any;
}
