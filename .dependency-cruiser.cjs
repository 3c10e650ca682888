/**
 * The dependency rule: media <- pfaof <- lsm; vivefs/core knows abstract-level and nothing below it; examples import
 * only public entry points. `npm run deps` enforces it.
 */
const own = (name) => `^packages/${name}/src`

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^packages' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'media-stands-alone',
      severity: 'error',
      from: { path: own('media') },
      to: { path: '^packages/(pfaof|lsm|vivefs)' },
    },
    {
      name: 'pfaof-knows-media-only',
      severity: 'error',
      from: { path: own('pfaof') },
      to: { path: '^packages/(lsm|vivefs)' },
    },
    {
      name: 'lsm-knows-pfaof-and-media',
      severity: 'error',
      from: { path: own('lsm') },
      to: { path: '^packages/vivefs' },
    },
    {
      name: 'core-knows-abstract-level-only',
      comment: 'engines are imported lazily by vivefs/src/engine and nowhere else',
      severity: 'error',
      from: { path: own('vivefs'), pathNot: `${own('vivefs')}/engine/|\\.test\\.ts$` },
      to: { path: '^packages/(media|pfaof|lsm)|node_modules/(level|classic-level|memory-level)(/|$)' },
    },
    {
      name: 'only-public-entry-points-of-a-sibling',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: {
        path: '^packages/([^/]+)/src/(?!index\\.ts|conformance/index\\.ts|fsal/index\\.ts)',
        pathNot: '^packages/$1/',
      },
    },
    {
      name: 'examples-import-public-entry-points',
      severity: 'error',
      from: { path: '^examples' },
      to: { path: '^packages/[^/]+/src/(?!index\\.ts|conformance/index\\.ts|fsal/index\\.ts)' },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^packages' },
      to: { couldNotResolve: true, pathNot: '^(vivefs|@vivefs)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|dist' },
    exclude: { path: '(^|/)(dist|docs/reference)/' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
