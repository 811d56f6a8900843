// Sets formulas with MathJax in Node, as it would set them in a page: standard input has a list of [tex, display],
// standard output gets their HTML and the style sheet with no more than what they need.
// `node typeset.cjs FOLDER-OF-MATHJAX`
const { readFileSync } = require("node:fs");
const Module = require("node:module");

/** MathJax is CommonJS, even where a package.json around it says that every .js file is an ES module. */
function load(file) {
  const loaded = new Module(`${file}.cjs`);
  loaded._compile(readFileSync(file, "utf8"), `${file}.cjs`);
  return loaded.exports;
}

async function main(folder) {
  const MathJax = await load(`${folder}/node-main.js`).init({
    loader: {
      load: ["input/tex", "output/chtml", "a11y/assistive-mml", "adaptors/liteDOM"],
      paths: { mathjax: folder },
      require: load,
      versionWarnings: false,
    },
    chtml: { displayAlign: "center", matchFontHeight: false, adaptiveCSS: true, fontURL: "FONTS" },
  });
  const { adaptor } = MathJax.startup;
  const html = [];
  for (const [tex, display] of JSON.parse(readFileSync(0, "utf8")))
    html.push(adaptor.outerHTML(await MathJax.tex2chtmlPromise(tex, { display, em: 18, ex: 9, containerWidth: 720 })));
  process.stdout.write(JSON.stringify({ html, css: adaptor.textContent(MathJax.chtmlStylesheet()) }));
}

main(process.argv[2]);
